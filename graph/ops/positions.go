package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// viaPositions lets an operator that only moves elements work on strings: it moves their numbers, from 1 on, and an element it makes up, 0,
// is the empty string. The numbers are new in every run.
func viaPositions(op *Op) *Op {
	infer, build := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		numbered := numberedArgs(in)
		if numbered == nil {
			return infer(n, in)
		}
		if reduction, err := n.StringAttr("reduction", "none"); err != nil || reduction != "none" {
			return nil, unsupported(n, "reduction %q of strings", reduction)
		}
		out, err := infer(n, numbered)
		for i := range out {
			if out[i].DType == tensor.Uint64 {
				out[i].DType = tensor.String
			}
		}
		return out, err
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		numbered := numberedArgs(in)
		if numbered == nil {
			return build(n, in, pool)
		}
		inner, err := build(n, numbered, pool)
		return positionsKernel{inner}, err
	}
	return op
}

// numberedArgs is in with numbers for strings; nil where there are none.
func numberedArgs(in []graph.Arg) []graph.Arg {
	var numbered []graph.Arg
	for i, a := range in {
		if a.DType != tensor.String {
			continue
		}
		if numbered == nil {
			numbered = append([]graph.Arg(nil), in...)
		}
		numbered[i].DType, numbered[i].Const, numbered[i].Place = tensor.Uint64, nil, nil
	}
	return numbered
}

type positionsKernel struct{ inner graph.Kernel }

// ScratchBytes implements graph.ScratchKernel.
func (k positionsKernel) ScratchBytes(args []graph.Arg) int {
	if s, ok := k.inner.(graph.ScratchKernel); ok {
		return s.ScratchBytes(numberedArgs(args))
	}
	return 0
}

// Run implements graph.Kernel.
func (k positionsKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	texts := []string{""}
	numbered := make([]*tensor.Tensor, len(in))
	for i, t := range in {
		numbered[i] = t
		if t == nil || t.DType != tensor.String {
			continue
		}
		numbered[i] = tensor.New(tensor.Uint64, t.Shape...)
		for j := range t.Strings {
			tensor.Data[uint64](numbered[i])[j] = uint64(len(texts) + j)
		}
		texts = append(texts, t.Strings...)
	}
	moved := make([]*tensor.Tensor, len(out))
	for i, t := range out {
		moved[i] = t
		if t != nil && t.DType == tensor.String {
			moved[i] = tensor.New(tensor.Uint64, t.Shape...)
		}
	}
	if err := k.inner.Run(numbered, moved, scratch); err != nil {
		return err
	}
	for i, t := range out {
		if t == nil || t.DType != tensor.String {
			continue
		}
		for j, p := range tensor.Data[uint64](moved[i]) {
			t.Strings[j] = texts[p]
		}
	}
	return nil
}
