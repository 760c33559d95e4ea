package main

import (
	"fmt"

	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
)

type optimizeCmd struct {
	Model string `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Out   string `help:"Where to write the optimised ONNX model." required:"" placeholder:"FILE"`
	JSON  bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (optimizeCmd) Help() string {
	return "Folds constants, merges MatMul and Add into Gemm, drops what changes nothing. The result is standard ONNX with the same answers, bit for bit."
}

type optimizeResult struct {
	NodesBefore int    `json:"nodes_before"`
	NodesAfter  int    `json:"nodes_after"`
	Bytes       int    `json:"bytes"`
	SHA256      string `json:"sha256"`
	Out         string `json:"out"`
}

// Run implements the verb.
func (c *optimizeCmd) Run(e *env) error {
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	optimised, err := passes.Standard(m)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	if _, err := plan.Compile(optimised, plan.Options{}); err != nil { // never write what cannot be served
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	r := optimizeResult{NodesBefore: len(m.Graph.Nodes), NodesAfter: len(optimised.Graph.Nodes), Out: c.Out}
	if r.Bytes, r.SHA256, err = writeModel(c.Out, optimised); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(r)
	}
	fmt.Fprintf(e.stdout, "%s: %d nodes, was %d; %d bytes, sha256 %s\n", r.Out, r.NodesAfter, r.NodesBefore, r.Bytes, r.SHA256)
	return nil
}
