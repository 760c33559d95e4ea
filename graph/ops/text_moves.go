package ops

import (
	"math"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The operators that only move elements take strings too.
func init() {
	for _, op := range []*Op{
		opExpand, opGather, opGatherElements, opGatherND, opPad, opReverseSequence, opScatter, opScatterElements, opScatterND, opSlice, opSplit,
		opTile, opTranspose, opTrilu, opWhere,
	} {
		viaPositions(op)
	}
}

// viaPositions lets an operator that moves elements of any fixed size move strings: it moves their positions, counted from 1 over all
// inputs of strings; what it fills with zeros is an empty string.
func viaPositions(op *Op) {
	infer, build := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		numbers, found := positioned(in)
		if !found {
			return infer(n, in)
		}
		out, err := infer(n, numbers)
		for i := range out {
			if out[i].DType == tensor.Uint32 {
				out[i].DType = tensor.String
			}
		}
		return out, err
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		numbers, found := positioned(in)
		if !found {
			return build(n, in, pool)
		}
		inner, err := build(n, numbers, pool)
		if err != nil {
			return nil, err
		}
		k := &textKernel{inner: inner, infer: func(in []graph.Arg) ([]graph.Arg, error) { return infer(n, in) }}
		k.frames.New = func() any { return new(halfFrame) }
		return k, nil
	}
}

// positioned is in with uint32 for strings; found is false where there are none.
func positioned(in []graph.Arg) (numbers []graph.Arg, found bool) {
	for i, a := range in {
		if a.DType != tensor.String {
			continue
		}
		if numbers == nil {
			numbers = append(numbers, in...)
		}
		numbers[i].DType, numbers[i].Const = tensor.Uint32, nil
	}
	return numbers, numbers != nil
}

// textKernel runs a kernel on positions in scratch memory: those of the inputs, those of the outputs, then what the kernel itself needs.
type textKernel struct {
	inner  graph.Kernel
	infer  func(in []graph.Arg) ([]graph.Arg, error)
	frames sync.Pool // of *halfFrame
}

// ScratchBytes implements graph.ScratchKernel.
func (k *textKernel) ScratchBytes(args []graph.Arg) int {
	numbers, _ := positioned(args)
	out, err := k.infer(numbers)
	if err != nil {
		return 0 // the plan has inferred these shapes before
	}
	total := 0
	for i, a := range args {
		if a.DType == tensor.String {
			total = min(total+halfBytes(numbers[i].Shape), math.MaxInt/4)
		}
	}
	for _, a := range out {
		if a.DType == tensor.Uint32 {
			total = min(total+halfBytes(a.Shape), math.MaxInt/4)
		}
	}
	if s, ok := k.inner.(graph.ScratchKernel); ok {
		total += s.ScratchBytes(numbers)
	}
	return total
}

// Run implements graph.Kernel.
func (k *textKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	f := k.frames.Get().(*halfFrame)
	defer k.frames.Put(f)
	if len(f.tensors) < len(in)+len(out) {
		f.tensors = make([]tensor.Tensor, len(in)+len(out))
	}
	f.in, f.out = f.in[:0], f.out[:0]
	number := func(i int, t *tensor.Tensor) *tensor.Tensor {
		if t == nil || t.DType != tensor.String {
			return t
		}
		c, size := &f.tensors[i], 4*t.Len()
		c.DType, c.Shape, c.Bytes = tensor.Uint32, t.Shape, scratch[:size:size]
		scratch = scratch[halfBytes(t.Shape):]
		return c
	}
	position := uint32(0)
	for i, t := range in {
		c := number(i, t)
		if c != t {
			list := tensor.Data[uint32](c)
			for j := range list {
				position++
				list[j] = position
			}
		}
		f.in = append(f.in, c)
	}
	for i, t := range out {
		f.out = append(f.out, number(len(in)+i, t))
	}
	if err := k.inner.Run(f.in, f.out, scratch); err != nil {
		return err
	}
	for i, t := range out {
		if t == f.out[i] {
			continue
		}
		for j, p := range tensor.Data[uint32](f.out[i]) {
			t.Strings[j] = textAt(in, int(p))
		}
	}
	return nil
}

// textAt is the string at a position, 0 for none.
func textAt(in []*tensor.Tensor, p int) string {
	for _, t := range in {
		if t == nil || t.DType != tensor.String || p == 0 {
			continue
		}
		if p <= len(t.Strings) {
			return t.Strings[p-1]
		}
		p -= len(t.Strings)
	}
	return ""
}
