package ops

import (
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opPow has the dtype of its base; the exponent may have another. A float base takes the exponent as a float of its own; an integer base
// with a float exponent is computed in float64 and truncated.
var opPow = &Op{
	Name: "pow", Type: "Pow", Since: 6, MinInputs: 2, Elementwise: true,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := powers.want(n, in, 0); err != nil && !isHalf(in[0].DType) {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
			tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64); err != nil {
			return nil, err
		}
		shape, err := broadcastShape(n, in[0].Shape, in[1].Shape)
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		base, exponent := in[0].DType, in[1].DType
		if base == exponent {
			return powers[base], nil
		}
		work := base
		if isHalf(base) {
			work = tensor.Float32
		} else if isInt := base == tensor.Int32 || base == tensor.Int64; isInt && (isHalf(exponent) || exponent == tensor.Float32 || exponent == tensor.Float64) {
			work = tensor.Float64
		}
		return newConverted(n, powers[work], work, in, base), nil
	},
}

// powers is a^b by dtype.
var powers = integers("Pow").only(tensor.Int32, tensor.Int64).with(tensor.Float32, foldKernel(kernels.PowF32)).with(tensor.Float64, foldKernel(eachPair(power)))

// convertedKernel runs a kernel of one dtype on operands of others: they are converted to scratch memory, and the result back.
type convertedKernel struct {
	inner  graph.Kernel
	work   tensor.DType
	inputs []graph.Kernel // conversions; nil where none is needed
	output graph.Kernel
	frames sync.Pool
}

func newConverted(n *graph.Node, inner graph.Kernel, work tensor.DType, in []graph.Arg, out tensor.DType) *convertedKernel {
	k := &convertedKernel{inner: inner, work: work, inputs: make([]graph.Kernel, len(in))}
	for i, a := range in {
		if a.DType != work {
			k.inputs[i] = buildCast(n, a.DType, work, nil)
		}
	}
	if out != work {
		k.output = buildCast(n, work, out, nil)
	}
	k.frames.New = func() any { return new(halfFrame) }
	return k
}

// bytes is the memory of a converted copy.
func (k *convertedKernel) bytes(shape []int) int {
	n, _ := tensor.Elements(shape)
	return multiplied((n+7)&^7, k.work.Size())
}

// ScratchBytes implements graph.ScratchKernel.
func (k *convertedKernel) ScratchBytes(args []graph.Arg) int {
	total, shape := 0, []int{}
	for i, c := range k.inputs {
		shape, _ = broadcastShape(nil, shape, args[i].Shape)
		if c != nil {
			total += k.bytes(args[i].Shape)
		}
	}
	if k.output != nil {
		total += k.bytes(shape)
	}
	return total
}

// Run implements graph.Kernel.
func (k *convertedKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	f := k.frames.Get().(*halfFrame)
	defer k.frames.Put(f)
	if len(f.tensors) < len(in)+1 {
		f.tensors = make([]tensor.Tensor, len(in)+1)
	}
	copyOf := func(i int, t *tensor.Tensor) *tensor.Tensor {
		c := &f.tensors[i]
		size := t.Len() * k.work.Size()
		c.DType, c.Shape, c.Bytes = k.work, t.Shape, scratch[:size:size]
		scratch = scratch[k.bytes(t.Shape):]
		return c
	}
	f.in, f.out = f.in[:0], append(f.out[:0], out[0])
	for i, t := range in {
		if c := k.inputs[i]; c != nil {
			f.in = append(f.in, copyOf(i, t))
			f.out[0] = f.in[i]
			if err := c.Run(in[i:i+1], f.out, nil); err != nil {
				return err
			}
			continue
		}
		f.in = append(f.in, t)
	}
	f.out[0] = out[0]
	if k.output != nil {
		f.out[0] = copyOf(len(in), out[0])
	}
	if err := k.inner.Run(f.in, f.out, nil); err != nil || k.output == nil {
		return err
	}
	return k.output.Run(f.out, out, nil)
}
