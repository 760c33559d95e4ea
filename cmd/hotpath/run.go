package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/npy"
)

type runCmd struct {
	Model     string `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Input     string `help:"Arrays by input name: .npz or .json; .npy where the model has one input." required:"" placeholder:"FILE" type:"existingfile"`
	Precision string `help:"bf16: round weights and activations of matrix products to bfloat16, faster and less exact (default: as the model says)." placeholder:"bf16" enum:",bf16" default:""`
	Output    string `help:"Where to write the outputs: .npz or .json. Default: JSON on standard output." placeholder:"FILE"`
	Threads   int    `help:"Cores to use; 0: as many as this process may." default:"0"`
	Cache     string `help:"Directory, of this user alone, where the prepared model is kept for the next start." placeholder:"DIR"`
}

// Help implements kong's long help.
func (runCmd) Help() string {
	return `One inference. A .json input is an object of nested arrays by input name; text is given as strings and a missing value as null.`
}

// Run implements the verb.
func (c *runCmd) Run(e *env) error {
	if c.Output != "" && !hasExt(c.Output, ".npz") && !hasExt(c.Output, ".json") {
		return fmt.Errorf("--output %s: expected a name that ends in .npz or .json: %w", c.Output, errUsage)
	}
	pool, err := newPool(c.Threads)
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := openPlan(e, c.Model, plan.Options{Pool: pool, Precision: c.Precision, Cache: c.Cache})
	if err != nil {
		return err
	}
	inputs, err := readArrays(c.Input, p.Signature())
	if err != nil {
		return err
	}
	outputs := p.NewOutputs()
	if err := p.Run(inputs, outputs); err != nil {
		return fmt.Errorf("%s: %w", c.Input, err)
	}
	named := map[string]*tensor.Tensor{}
	for i, out := range p.Signature().Outputs {
		named[out.Name] = outputs[i]
	}
	if hasExt(c.Output, ".npz") {
		var b bytes.Buffer
		if err := npy.WriteArchive(&b, named); err != nil {
			return err
		}
		return writeFile(c.Output, b.Bytes())
	}
	text, err := encodeArrays(named)
	if err != nil {
		return err
	}
	if c.Output != "" {
		return writeFile(c.Output, text)
	}
	_, err = e.stdout.Write(text)
	return err
}

// openPlan makes the plan of a model file, with a line on stderr where a cache was asked for and cannot be written.
func openPlan(e *env, path string, o plan.Options) (*plan.Plan, error) {
	p, err := plan.Open(modelSource(e, path), o)
	if err != nil {
		if !strings.HasPrefix(err.Error(), path) {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return nil, err
	}
	if _, err := p.Cached(); err != nil {
		fmt.Fprintf(e.stderr, "hotpath: %s is not kept in the cache: %v\n", path, err)
	}
	return p, nil
}

// modelSource is where a plan comes from that is not cached.
func modelSource(e *env, path string) plan.Source {
	return plan.Source{Path: path, Options: fmt.Sprint(e.models), Read: func() (*graph.Model, error) { return e.models.Open(path) }}
}

func hasExt(path, ext string) bool { return strings.EqualFold(filepath.Ext(path), ext) }

// newPool makes the pool of a --threads flag.
func newPool(threads int) (*kernels.Pool, error) {
	switch {
	case threads < 0:
		return nil, fmt.Errorf("--threads %d: expected 0 or more: %w", threads, errUsage)
	case threads == 0:
		threads = kernels.DefaultThreads()
	}
	return kernels.NewPool(threads), nil
}

// readArrays reads the inputs of a model from a .npz, .npy or .json file and gives them the dtypes of the signature.
func readArrays(path string, s *graph.Signature) ([]*tensor.Tensor, error) {
	data, err := loader.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var arrays map[string]*tensor.Tensor
	switch {
	case hasExt(path, ".npz"):
		arrays, err = npy.ReadArchive(bytes.NewReader(data), int64(len(data)))
	case hasExt(path, ".npy") && len(s.Inputs) == 1:
		var t *tensor.Tensor
		t, err = npy.Read(bytes.NewReader(data))
		arrays = map[string]*tensor.Tensor{s.Inputs[0].Name: t}
	case hasExt(path, ".json"):
		arrays, err = decodeArrays(data, s)
	default:
		return nil, fmt.Errorf("%s: expected a .npz or .json file: %w", path, errUsage)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	inputs := make([]*tensor.Tensor, len(s.Inputs))
	for i, in := range s.Inputs {
		t, ok := arrays[in.Name]
		if !ok {
			return nil, fmt.Errorf("%s: input %q is missing: %w", path, in.Name, graph.ErrInput)
		}
		if inputs[i], err = convert(t, in.DType); err != nil {
			return nil, fmt.Errorf("%s: input %q: %w", path, in.Name, err)
		}
		delete(arrays, in.Name)
	}
	for name := range arrays {
		return nil, fmt.Errorf("%s: the model has no input %q: %w", path, name, graph.ErrInput)
	}
	return inputs, nil
}

// convert gives a float64 array the dtype float32 of a model, the one conversion NumPy users forget; everything else
// must match.
func convert(t *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	if t.DType == tensor.Float64 && to == tensor.Float32 {
		out := tensor.New(to, t.Shape...)
		for i, v := range tensor.Data[float64](t) {
			tensor.Data[float32](out)[i] = float32(v)
		}
		return out, nil
	}
	if t.DType != to {
		return nil, fmt.Errorf("%s, expected %s: %w", t.DType, to, graph.ErrInput)
	}
	return t, nil
}
