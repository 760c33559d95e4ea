package ops

import (
	"math"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// widenHalf writes the elements of a 16-bit float tensor as float32.
func widenHalf(dst []float32, x *tensor.Tensor) {
	if x.DType == tensor.Float16 {
		kernels.ConvertF16F32(dst, tensor.Data[tensor.F16](x))
	} else {
		kernels.ConvertBF16F32(dst, tensor.Data[tensor.BF16](x))
	}
}

// narrowHalf writes float32 elements to a 16-bit float tensor.
func narrowHalf(dst *tensor.Tensor, x []float32) {
	if dst.DType == tensor.Float16 {
		kernels.ConvertF32F16(tensor.Data[tensor.F16](dst), x)
	} else {
		kernels.ConvertF32BF16(tensor.Data[tensor.BF16](dst), x)
	}
}

func isHalf(d tensor.DType) bool { return d == tensor.Float16 || d == tensor.BFloat16 }

// viaFloat32 lets a float32 operator work on 16-bit floats: inputs are widened, results rounded once at the end.
func viaFloat32(op *Op) *Op { return viaFloat32Beside(op, false) }

// viaFloat32Beside is viaFloat32; mixed lets float32 inputs stand beside a first one of half floats.
func viaFloat32Beside(op *Op, mixed bool) *Op {
	infer, build := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		half, wide := widened(in, true, mixed)
		if half == tensor.Invalid {
			return infer(n, in)
		}
		out, err := infer(n, wide)
		for i := range out {
			if out[i].DType == tensor.Float32 {
				out[i].DType = half
			}
		}
		return out, err
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		half, wide := widened(in, true, mixed)
		if half == tensor.Invalid {
			return build(n, in, pool)
		}
		inner, err := build(n, wide, pool)
		if err != nil {
			return nil, err
		}
		k := &halfKernel{inner: inner, infer: func(in []graph.Arg) ([]graph.Arg, error) { return infer(n, in) }, mixed: mixed, packed: make([]bool, len(in))}
		for i, a := range in {
			k.packed[i] = op.Packs != nil && isHalf(a.DType) && a.Const != nil && op.Packs(i, len(a.Shape))
		}
		k.frames.New = func() any { return new(halfFrame) }
		return k, nil
	}
	return op
}

// widened is in with float32 for its one 16-bit float dtype, and the values of constants if values; Invalid where there is none, or other
// floats beside it that mixed does not allow.
func widened(in []graph.Arg, values, mixed bool) (tensor.DType, []graph.Arg) {
	half := tensor.Invalid
	if mixed = mixed && isHalf(in[0].DType); mixed {
		half = in[0].DType
	}
	for _, a := range in {
		if a.DType == tensor.Float32 && !mixed || isHalf(a.DType) && half != tensor.Invalid && half != a.DType {
			return tensor.Invalid, nil
		}
		if isHalf(a.DType) {
			half = a.DType
		}
	}
	if half == tensor.Invalid {
		return half, nil
	}
	wide := make([]graph.Arg, len(in))
	for i, a := range in {
		wide[i] = a
		if !isHalf(a.DType) {
			continue
		}
		wide[i].DType, wide[i].Const, wide[i].Place = tensor.Float32, nil, nil
		if a.Const != nil && values {
			wide[i].Const = tensor.New(tensor.Float32, a.Const.Shape...)
			widenHalf(tensor.Data[float32](wide[i].Const), a.Const)
		}
	}
	return half, wide
}

// halfKernel runs a float32 kernel on copies in scratch memory: the inputs, the outputs, then what the kernel itself needs.
type halfKernel struct {
	inner  graph.Kernel
	infer  func(in []graph.Arg) ([]graph.Arg, error)
	mixed  bool
	packed []bool    // inputs that inner holds a copy of its own of: only their shape counts in a run
	frames sync.Pool // of *halfFrame
}

// halfFrame is the tensors of one run.
type halfFrame struct {
	tensors []tensor.Tensor
	in, out []*tensor.Tensor
}

// halfAlign keeps every copy on cache lines of its own.
const halfAlign = 64

func halfBytes(shape []int) int {
	n, ok := tensor.Elements(shape)
	if !ok || n > math.MaxInt/8 {
		return math.MaxInt / 2 // beyond every limit; the plan refuses it
	}
	return (4*n + halfAlign - 1) &^ (halfAlign - 1)
}

// ScratchBytes implements graph.ScratchKernel.
func (k *halfKernel) ScratchBytes(args []graph.Arg) int {
	_, wide := widened(args, false, k.mixed)
	out, err := k.infer(wide)
	if err != nil {
		return 0 // the plan has inferred these shapes before
	}
	total := 0
	for i, a := range args {
		if isHalf(a.DType) && !k.packed[i] {
			total = min(total+halfBytes(wide[i].Shape), math.MaxInt/4)
		}
	}
	for _, a := range out {
		if a.DType == tensor.Float32 {
			total = min(total+halfBytes(a.Shape), math.MaxInt/4)
		}
	}
	if s, ok := k.inner.(graph.ScratchKernel); ok {
		total += s.ScratchBytes(wide)
	}
	return total
}

// Run implements graph.Kernel.
func (k *halfKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	f := k.frames.Get().(*halfFrame)
	defer k.frames.Put(f)
	if len(f.tensors) < len(in)+len(out) {
		f.tensors = make([]tensor.Tensor, len(in)+len(out))
	}
	f.in, f.out = f.in[:0], f.out[:0]
	wide := func(i int, t *tensor.Tensor, packed bool) *tensor.Tensor {
		if t == nil || !isHalf(t.DType) {
			return t
		}
		c, size := &f.tensors[i], 4*t.Len()
		if packed {
			c.DType, c.Shape, c.Bytes = tensor.Float32, t.Shape, nil
			return c
		}
		c.DType, c.Shape, c.Bytes = tensor.Float32, t.Shape, scratch[:size:size]
		scratch = scratch[halfBytes(t.Shape):]
		return c
	}
	for i, t := range in {
		c := wide(i, t, k.packed[i])
		if c != t && !k.packed[i] {
			widenHalf(tensor.Data[float32](c), t)
		}
		f.in = append(f.in, c)
	}
	for i, t := range out {
		f.out = append(f.out, wide(len(in)+i, t, false))
	}
	if err := k.inner.Run(f.in, f.out, scratch); err != nil {
		return err
	}
	for i, t := range out {
		if t != nil && isHalf(t.DType) {
			narrowHalf(t, tensor.Data[float32](f.out[i]))
		}
	}
	return nil
}
