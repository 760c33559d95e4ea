package main

import (
	"fmt"

	"github.com/hotpath/hotpath/graph/plan"
)

type convertCmd struct {
	Model string `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Out   string `help:"Where to write the ONNX model." required:"" placeholder:"FILE"`
	JSON  bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (convertCmd) Help() string {
	return `Reads a model of any known format and writes it as ONNX: ONNX itself, Keras (.keras, .h5) and TensorFlow SavedModel directories of networks of dense layers. What a model has beyond that is named in one error, and nothing is written.`
}

type convertResult struct {
	Nodes  int    `json:"nodes"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	Out    string `json:"out"`
}

// Run implements the verb.
func (c *convertCmd) Run(e *env) error {
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	if _, err := plan.Compile(m, plan.Options{}); err != nil { // never write what cannot be served
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	r := convertResult{Nodes: len(m.Graph.Nodes), Out: c.Out}
	if r.Bytes, r.SHA256, err = writeModel(c.Out, m); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(r)
	}
	fmt.Fprintf(e.stdout, "%s: %d nodes; %d bytes, sha256 %s\n", r.Out, r.Nodes, r.Bytes, r.SHA256)
	return nil
}
