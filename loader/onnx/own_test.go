package onnx_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// TestTensorsStayInTheFile: what ReadIn leaves where it was read to is what Read copies, wherever in the file it starts, and is aligned.
func TestTensorsStayInTheFile(t *testing.T) {
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.WriteFile("m.onnx", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inside := 0
	for pad := range 8 {
		m := &graph.Model{Opsets: map[string]int64{"": 17}, Producer: strings.Repeat("p", pad+1), Graph: graph.Graph{
			Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{1}}},
			Outputs:      []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{1}}},
			Nodes:        []*graph.Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}},
			Initializers: map[string]*tensor.Tensor{},
		}}
		for name, d := range map[string]tensor.DType{"a": tensor.Float32, "bb": tensor.Float64, "ccc": tensor.Float16, "dddd": tensor.Uint8, "eeeee": tensor.Int4} {
			big := tensor.New(d, 70_000)
			for i := range big.Bytes {
				big.Bytes[i] = byte(i*7+i>>8) & 7
			}
			m.Graph.Initializers[name], m.Graph.Initializers["small"+name] = big, tensor.New(d, 3)
		}
		data, err := onnx.Write(m)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(data)
		want, err := onnx.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, before) {
			t.Fatal("Read changed what it was given")
		}
		got, err := onnx.ReadIn(data, dir, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, before) {
			inside++
		}
		for name, w := range want.Graph.Initializers {
			g := got.Graph.Initializers[name]
			if !bytes.Equal(g.Bytes, w.Bytes) || !slices.Equal(g.Shape, w.Shape) || tensor.Misaligned(g.DType, g.Bytes) != 0 {
				t.Errorf("padding %d: tensor %s differs or is not aligned", pad, name)
			}
		}
	}
	if inside == 0 {
		t.Error("no tensor was moved")
	}
}
