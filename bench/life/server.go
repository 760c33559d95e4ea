package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"

	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// service is a running hotpath.
type service struct{ *process.Server }

// serve starts the binary on a store and returns when it says where it listens.
func serve(binary, store string, flags ...string) (*service, error) {
	args := append([]string{"serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store", store, "--log-level", "error", "--drain-grace", "1ms"}, flags...)
	return begin(exec.Command(binary, args...))
}

// begin runs the command of a server.
func begin(cmd *exec.Cmd) (*service, error) {
	s, err := process.Begin(cmd)
	if err != nil {
		return nil, err
	}
	return &service{s}, nil
}

// do sends a request to the admin listener and returns status and body.
func (s *service) do(method, path string, body []byte) (int, string, error) {
	req, err := http.NewRequest(method, s.Admin+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// must is do for what has to succeed.
func (s *service) must(method, path string, body []byte) error {
	code, text, err := s.do(method, path, body)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, code, text)
	}
	return err
}

// model is a network of dense layers of the given width whose answer to a row of ones is factor times the width of the
// first one: two inputs, so that it has a weight to change and still one output.
func model(factor float32, width, layers int) ([]byte, error) {
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "input", DType: tensor.Float32, Shape: []int{-1, width}}},
		Outputs:      []graph.Value{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		Initializers: map[string]*tensor.Tensor{},
	}}
	at := "input"
	for i := range layers { // identities
		name, w := fmt.Sprint("h", i), tensor.New(tensor.Float32, width, width)
		for j := range width {
			tensor.Data[float32](w)[j*width+j] = 1
		}
		m.Graph.Initializers["w"+name] = w
		m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "MatMul", Inputs: []string{at, "w" + name}, Outputs: []string{name}})
		at = name
	}
	last := tensor.New(tensor.Float32, width, 1)
	for i := range width {
		tensor.Data[float32](last)[i] = factor
	}
	m.Graph.Initializers["last"] = last
	m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "MatMul", Inputs: []string{at, "last"}, Outputs: []string{"output"}})
	return onnx.Write(m)
}

// ones is a request of one row.
func ones(width int) []byte {
	return []byte(`{"input_data": [[` + strings.TrimSuffix(strings.Repeat("1,", width), ",") + `]]}`)
}
