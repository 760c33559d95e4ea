package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// QuantizeLinear and DequantizeLinear with constant scale and zero point: per tensor for activations, per tensor or
// per axis for constants (weights), which graph/passes folds. graph/passes fuses the rest into opQGemm.
var (
	opQuantize   = &Op{Name: "quantize_linear", Type: "QuantizeLinear", Since: 10, MinInputs: 2, Infer: inferQuantize, Build: buildQuantize, Rows: rowsFirst}
	opDequantize = &Op{Name: "dequantize_linear", Type: "DequantizeLinear", Since: 10, MinInputs: 2, Infer: inferDequantize, Build: buildDequantize, Rows: rowsFirst}
)

// quantParams are the constants of a Q or DQ node: value = (q - zero[i]) · scale[i], i along axis.
type quantParams struct {
	scale []float32
	zero  []int32
	axis  int // of a per-axis scale; 0 with one scale
}

// readQuantParams reads scale (input 1) and zero point (input 2) of a Q or DQ node whose quantised dtype is q.
func readQuantParams(n *graph.Node, in []graph.Arg, q tensor.DType) (p quantParams, err error) {
	if !hasConst(in, 1) || present(in, 2) && !hasConst(in, 2) {
		return p, unsupported(n, "scale and zero point that are not constants")
	}
	if in[1].DType != tensor.Float32 {
		return p, unsupported(n, "a scale of %s", in[1].DType)
	}
	p.scale = tensor.Data[float32](in[1].Const)
	for _, s := range p.scale {
		if !(s > 0) || math.IsInf(float64(s), 0) {
			return p, modelErr(n, "a scale of %v, expected a positive finite number", s)
		}
	}
	p.zero = make([]int32, len(p.scale))
	if present(in, 2) {
		if in[2].DType != q {
			return p, modelErr(n, "a zero point of %s, expected %s", in[2].DType, q)
		}
		z, err := widen(in[2].Const)
		if err != nil || len(z) != len(p.scale) {
			return p, modelErr(n, "%d zero points for %d scales", len(z), len(p.scale))
		}
		p.zero = z
	}
	if len(p.scale) == 1 {
		return p, nil
	}
	a, err := n.IntAttr("axis", 1)
	if err != nil {
		return p, err
	}
	if p.axis, err = axisOf(n, a, len(in[0].Shape)); err != nil {
		return p, err
	}
	if in[0].Shape[p.axis] != len(p.scale) {
		return p, modelErr(n, "%d scales for axis %d of shape %v", len(p.scale), p.axis, in[0].Shape)
	}
	return p, nil
}

// widen reads a constant of a quantised dtype as int32.
func widen(t *tensor.Tensor) ([]int32, error) {
	out := make([]int32, t.Len())
	switch t.DType {
	case tensor.Uint8:
		for i, v := range tensor.Data[uint8](t) {
			out[i] = int32(v)
		}
	case tensor.Int8:
		for i, v := range tensor.Data[int8](t) {
			out[i] = int32(v)
		}
	case tensor.Int32:
		copy(out, tensor.Data[int32](t))
	default:
		return nil, graph.ErrUnsupported
	}
	return out, nil
}

func inferQuantize(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, tensor.Float32); err != nil {
		return nil, err
	}
	q := tensor.Uint8
	if present(in, 2) {
		q = in[2].DType
	}
	if q != tensor.Uint8 && q != tensor.Int8 {
		return nil, unsupported(n, "quantising to %s", q)
	}
	return []graph.Arg{{DType: q, Shape: in[0].Shape}}, nil
}

func buildQuantize(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	q := tensor.Uint8
	if present(in, 2) {
		q = in[2].DType
	}
	p, err := readQuantParams(n, in, q)
	if err != nil {
		return nil, err
	}
	if len(p.scale) != 1 {
		return nil, unsupported(n, "per-axis quantising of activations")
	}
	scale := p.scale[0]
	if q == tensor.Uint8 {
		zero := uint8(p.zero[0])
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			kernels.QuantizeU8(tensor.Data[uint8](out[0]), tensor.Data[float32](in[0]), scale, zero)
			return nil
		}), nil
	}
	zero := uint8(p.zero[0] + 128)
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		// s8 is u8 shifted by 128: same rounding, same saturation.
		kernels.QuantizeU8(out[0].Bytes, tensor.Data[float32](in[0]), scale, zero)
		for i := range out[0].Bytes {
			out[0].Bytes[i] ^= 0x80
		}
		return nil
	}), nil
}

func inferDequantize(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, tensor.Uint8, tensor.Int8, tensor.Int32); err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
}

func buildDequantize(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	p, err := readQuantParams(n, in, in[0].DType)
	if err != nil {
		return nil, err
	}
	switch in[0].DType {
	case tensor.Uint8:
		return dequantizeKernel[uint8](p), nil
	case tensor.Int8:
		return dequantizeKernel[int8](p), nil
	default:
		return dequantizeKernel[int32](p), nil
	}
}

// dequantizeKernel computes f32(q - zero) · scale, as ONNX defines it; the subtraction is exact in int64.
func dequantizeKernel[T uint8 | int8 | int32](p quantParams) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[float32](out[0])
		inner := 1
		if len(p.scale) > 1 {
			for _, d := range in[0].Shape[p.axis+1:] {
				inner *= d
			}
		}
		for i, v := range tensor.Data[T](in[0]) {
			c := (i / inner) % len(p.scale)
			dst[i] = float32(int64(v)-int64(p.zero[c])) * p.scale[c]
		}
		return nil
	})
}
