package onnx_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// everything uses every attribute kind, every dtype, metadata and an unknown dimension.
func everything() *graph.Model {
	m := &graph.Model{
		Opsets: map[string]int64{"": 17, graph.DomainML: 3}, Metadata: map[string]string{"b": "2", "a": "1"}, Producer: "hotpath",
		Graph: graph.Graph{
			Name:    "g",
			Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3}}, {Name: "t", DType: tensor.String, Shape: []int{-1, 1}}},
			Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Shape: []int{-1, 2}}},
			Initializers: map[string]*tensor.Tensor{
				"f": tensor.Of([]float32{1, float32(math.Inf(-1))}, 2), "i": tensor.Of([]int64{-1, 2}, 1, 2), "s": tensor.Of([]int8{-5}),
				"u": tensor.Of([]uint8{200}, 1), "n": tensor.Of([]int32{-7}, 1), "d": tensor.Of([]float64{math.Pi}, 1), "b": tensor.Of([]bool{true}, 1),
				"text": tensor.OfStrings([]string{"", "ä"}, 2), "empty": tensor.Of([]float32{}, 0),
			},
			Nodes: []*graph.Node{{
				Name: "node", Domain: graph.DomainML, Op: "Thing", Opset: 3, Inputs: []string{"x", "", "t"}, Outputs: []string{"y"},
				Attrs: map[string]graph.Attr{
					"f": graph.Float32(-0.5), "i": graph.Int(-3), "s": graph.Str("text"), "fs": graph.Floats([]float32{1, 2}),
					"is": graph.Ints(-1, 0, 1), "ss": graph.Strs([]string{"a", ""}), "t": {Kind: graph.AttrTensor, Tensor: tensor.Of([]int64{4})},
					"zero": graph.Int(0), "none": graph.Strs(nil),
				},
			}},
		},
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	m := everything()
	data, err := onnx.Write(m)
	if err != nil {
		t.Fatal(err)
	}
	if !onnx.Sniff(data) {
		t.Error("the written file is not recognised")
	}
	back, err := onnx.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Write(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again) {
		t.Error("writing what was read gives other bytes")
	}
	if !reflect.DeepEqual(back.Graph.Nodes, m.Graph.Nodes) {
		t.Errorf("nodes came back as %+v", back.Graph.Nodes[0])
	}
	for name, want := range m.Graph.Initializers {
		got := back.Graph.Initializers[name]
		if got == nil || got.DType != want.DType || !bytes.Equal(got.Bytes, want.Bytes) || !reflect.DeepEqual(got.Strings, want.Strings) {
			t.Errorf("initializer %s came back as %+v", name, got)
		}
	}
	if !reflect.DeepEqual(back.Graph.Inputs, m.Graph.Inputs) || !reflect.DeepEqual(back.Metadata, m.Metadata) || !reflect.DeepEqual(back.Opsets, m.Opsets) {
		t.Errorf("came back as %+v", back)
	}
}

// A file made by another program: testdata/foreign.onnx, written by the onnx Python package (testdata/make.py), with
// typed instead of raw data, Constant nodes, an initializer listed as input and packed attributes.
func TestForeignFile(t *testing.T) {
	data, err := os.ReadFile("testdata/foreign.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Graph.Inputs) != 1 || m.Graph.Inputs[0].Name != "x" {
		t.Errorf("inputs are %v", m.Graph.Inputs)
	}
	for name, want := range map[string][]float32{"typed": {1, 2}, "constant": {3, 4}} {
		if got := m.Graph.Initializers[name]; got == nil || !reflect.DeepEqual(tensor.Data[float32](got), want) {
			t.Errorf("%s is %v, expected %v", name, got, want)
		}
	}
	if got := tensor.Data[int8](m.Graph.Initializers["typed8"]); !reflect.DeepEqual(got, []int8{-1, 127}) {
		t.Errorf("typed8 is %v", got)
	}
}

// field builders for hostile files
func msg(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(parts, nil))
}

func num(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func file(parts ...[]byte) []byte {
	return append(append(num(1, 8), msg(8, num(2, 17))...), bytes.Join(parts, nil)...)
}

func initializer(parts ...[]byte) []byte {
	value := func(n protowire.Number, name string) []byte { return msg(n, msg(1, []byte(name))) }
	return file(msg(7, msg(5, append([][]byte{msg(8, []byte("w"))}, parts...)...), value(12, "w")))
}

// callOf is a node of domain "" or, for one letter and a number, of the functions' domain, with one input and one output.
func callOf(op, in, out string, more ...[]byte) []byte {
	n := bytes.Join(append([][]byte{msg(1, []byte(in)), msg(2, []byte(out)), msg(4, []byte(op))}, more...), nil)
	if op[0] >= 'a' && op[0] <= 'z' {
		n = append(n, msg(7, []byte("local"))...)
	}
	return n
}

func functionOf(name string, more ...[]byte) []byte {
	return msg(25, append([][]byte{msg(1, []byte(name)), msg(10, []byte("local")), msg(4, []byte("i")), msg(5, []byte("o")), msg(9, num(2, 17))}, more...)...)
}

func function(name, calls string) []byte { return functionOf(name, msg(7, callOf(calls, "i", "o"))) }

// doubling is n functions each of which calls the next one twice.
func doubling(name string, n int) (all [][]byte) {
	for i := range n {
		this, next := name+strconv.Itoa(i), name+strconv.Itoa(i+1)
		if i == 0 {
			this = name
		}
		all = append(all, functionOf(this, msg(7, callOf(next, "i", "h")), msg(7, callOf(next, "h", "o"))))
	}
	return all
}

func bodyCalling(name string) []byte {
	branch := func(attr string) []byte {
		return msg(5, msg(1, []byte(attr)), num(20, 5), msg(6, msg(2, []byte(attr)), msg(1, callOf(name, "i", attr+"o")), msg(12, msg(1, []byte(attr+"o")))))
	}
	return append(branch("then_branch"), branch("else_branch")...)
}

// calls is a model whose one node calls function "f".
func calls(functions ...[]byte) []byte {
	return file(append([][]byte{msg(7, msg(11, msg(1, []byte("x"))), msg(12, msg(1, []byte("y"))), msg(1, callOf("f", "x", "y")))}, functions...)...)
}

// TestHostile names its cases by the catalogue of hostile inputs.
func TestHostile(t *testing.T) {
	var deep, bodies, types []byte
	for range 40 {
		bodies = msg(1, msg(5, msg(6, bodies)))
		types = msg(4, msg(1, types))
	}
	for range 5000 {
		deep = msg(7, deep)
	}
	valid, err := onnx.Write(everything())
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		data []byte
		want error
	}{
		"empty":                    {nil, graph.ErrFormat},
		"ON01 truncated varint":    {[]byte{0x08, 0xff}, graph.ErrFormat},
		"ON01 10 byte varint":      {append([]byte{0x08}, bytes.Repeat([]byte{0xff}, 10)...), graph.ErrFormat},
		"ON01 length > rest":       {[]byte{0x3a, 0xff, 0xff, 0xff, 0x7f}, graph.ErrFormat},
		"ON01 truncated file":      {valid[:len(valid)/2], graph.ErrFormat},
		"ON02 group":               {[]byte{0x0b, 0x0c}, graph.ErrFormat},
		"ON02 wire type 7":         {[]byte{0x0f}, graph.ErrFormat},
		"ON02 string as varint":    {file(num(2, 5)), graph.ErrFormat},
		"ON03 deep nesting":        {file(deep), nil},
		"ON04 two graphs":          {file(msg(7), msg(7)), graph.ErrFormat},
		"ON04 two opsets":          {append(file(), msg(8, num(2, 17))...), graph.ErrFormat},
		"ON05 dims overflow":       {initializer(num(1, 1<<39), num(1, 1<<39), num(2, 1)), graph.ErrLimit},
		"ON05 bits overflow":       {initializer(num(1, 1<<29), num(1, 1<<29), num(2, 7), msg(9)), graph.ErrFormat},
		"ON05 negative":            {initializer(num(1, 1<<63), num(2, 1)), graph.ErrFormat},
		"ON05 nine dims":           {initializer(bytes.Repeat(num(1, 1), 9), num(2, 1)), graph.ErrLimit},
		"ON06 raw too short":       {initializer(num(1, 3), num(2, 1), msg(9, make([]byte, 8))), graph.ErrFormat},
		"ON06 raw and typed":       {initializer(num(1, 1), num(2, 1), msg(9, make([]byte, 4)), msg(4, make([]byte, 4))), graph.ErrFormat},
		"ON06 string in raw":       {initializer(num(1, 1), num(2, 8), msg(9, make([]byte, 4))), graph.ErrFormat},
		"ON06 count":               {initializer(num(1, 5), num(2, 7), msg(7, []byte{1})), graph.ErrFormat},
		"ON06 unknown dtype":       {initializer(num(1, 1), num(2, 77)), graph.ErrUnsupported},
		"ON07 external data":       {initializer(num(1, 1), num(2, 1), msg(13, msg(1, []byte("location")), msg(2, []byte("/etc/passwd")))), graph.ErrFormat},
		"ON07 external location":   {initializer(num(1, 1), num(2, 1), num(14, 1)), graph.ErrFormat},
		"ON09 without a name":      {file(msg(7, msg(12, msg(1, []byte("x"))), msg(11, msg(1, []byte("x")))), function("", "Relu")), graph.ErrFormat},
		"ON09 twice":               {calls(function("f", "Relu"), function("f", "Relu")), graph.ErrFormat},
		"ON09 calls itself":        {calls(function("f", "f")), graph.ErrModel},
		"ON09 mutual":              {calls(function("f", "g"), function("g", "h"), function("h", "f")), graph.ErrModel},
		"ON09 through a body":      {calls(functionOf("f", msg(7, callOf("If", "i", "o", bodyCalling("f"))))), graph.ErrModel},
		"ON09 not called":          {calls(function("f", "Relu"), function("g", "g")), graph.ErrModel},
		"ON09 2^40 nodes":          {calls(doubling("f", 40)...), graph.ErrLimit},
		"ON09 2^40 calls of none":  {calls(append(doubling("f", 40), functionOf("f40", msg(7, callOf("Identity", "i", "o"))))...), graph.ErrLimit},
		"ON09 outside value":       {calls(functionOf("f", msg(7, callOf("Neg", "x", "o")))), graph.ErrModel},
		"ON09 outside reference":   {file(msg(7, msg(11, msg(1, []byte("x"))), msg(12, msg(1, []byte("y"))), msg(1, callOf("Softmax", "x", "y", msg(5, msg(1, []byte("axis")), msg(21, []byte("a")), num(20, 2)))))), graph.ErrModel},
		"ON09 kind of a reference": {calls(functionOf("f", msg(7, callOf("Softmax", "i", "o", msg(5, msg(1, []byte("axis")), msg(21, []byte("a")), num(20, 2)))), msg(11, msg(1, []byte("a")), msg(4, []byte("s")), num(20, 3)))), graph.ErrModel},
		"ON10 opset 0":             {append(num(1, 8), msg(8, num(2, 0))...), graph.ErrUnsupported},
		"ON10 opset 2^63":          {append(num(1, 8), msg(8, num(2, 1<<63))...), graph.ErrUnsupported},
		"ON10 ir version":          {num(1, 99), graph.ErrUnsupported},
		"ON11 two attributes":      {file(msg(7, msg(1, msg(4, []byte("Relu")), msg(2, []byte("y")), msg(5, msg(1, []byte("a")), num(3, 1)), msg(5, msg(1, []byte("a")), num(3, 2))))), graph.ErrFormat},
		"ON11 type lie":            {file(msg(7, msg(1, msg(5, msg(1, []byte("a")), num(3, 1), num(20, 1))))), graph.ErrFormat},
		"ON11 tensor missing":      {file(msg(7, msg(1, msg(5, msg(1, []byte("a")), num(20, 4))))), graph.ErrFormat},
		"ON11 subgraph missing":    {file(msg(7, msg(1, msg(5, msg(1, []byte("body")), num(20, 5))))), graph.ErrFormat},
		"ON03 bodies in bodies":    {file(msg(7, bodies)), graph.ErrLimit},
		"ON03 types in types":      {file(msg(7, msg(11, msg(1, []byte("x")), msg(2, types)))), graph.ErrLimit},
		"ON11 ragged floats":       {file(msg(7, msg(1, msg(5, msg(1, []byte("a")), msg(7, []byte{1, 2, 3}))))), graph.ErrFormat},
		"no graph":                 {file(), graph.ErrFormat},
		"name of 5000 bytes":       {file(msg(7, msg(1, msg(1, bytes.Repeat([]byte("n"), 5000))))), graph.ErrLimit},
		"sparse input":             {file(msg(7, msg(11, msg(1, []byte("x")), msg(2, msg(8))))), graph.ErrUnsupported},
		"initializer without name": {file(msg(7, msg(5, num(2, 1), num(1, 0)))), graph.ErrFormat},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := onnx.Read(c.data)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("error %v, expected %v", err, c.want)
			}
			if strings.Contains(err.Error(), "panic") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzRead: no input may crash, and what is read must survive being written.
func FuzzRead(f *testing.F) {
	valid, err := onnx.Write(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add(initializer(num(1, 1), num(2, 1), msg(9, make([]byte, 4))))
	if foreign, err := os.ReadFile("testdata/foreign.onnx"); err == nil {
		f.Add(foreign)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Read(data)
		if err != nil {
			return
		}
		out, err := onnx.Write(m)
		if errors.Is(err, graph.ErrUnsupported) {
			return // a file may use the domain that is kept for plans
		}
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		if _, err := onnx.Read(out); err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
	})
}
