package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// quantScalar is the scale and the zero point of a quantised value. Kernels see u8 only: an s8 value is a u8 one less 128, so flip, 0x80,
// is what its bytes are read and written through, and zero has 128 added.
type quantScalar struct {
	scale float32
	zero  int32
	flip  uint8
}

// readQuantScalar reads the constants in inputs scale and zero, for a value of dtype d.
func readQuantScalar(n *graph.Node, in []graph.Arg, scale, zero int, d tensor.DType) (q quantScalar, err error) {
	if !hasConst(in, scale) || present(in, zero) && !hasConst(in, zero) {
		return q, unsupported(n, "scale and zero point (inputs %d and %d) that are not constants", scale, zero)
	}
	if in[scale].DType != tensor.Float32 || in[scale].Const.Len() != 1 {
		return q, modelErr(n, "a scale of %s %v, expected one float32", in[scale].DType, in[scale].Shape)
	}
	q.scale = tensor.Data[float32](in[scale].Const)[0]
	if !(q.scale > 0) || math.IsInf(float64(q.scale), 0) {
		return q, modelErr(n, "a scale of %v, expected a positive finite number", q.scale)
	}
	if present(in, zero) {
		if in[zero].DType != d || in[zero].Const.Len() != 1 {
			return q, modelErr(n, "a zero point of %s %v, expected one %s", in[zero].DType, in[zero].Shape, d)
		}
		z, err := widen(in[zero].Const)
		if err != nil {
			return q, unsupported(n, "values of %s", d)
		}
		q.zero = z[0]
	}
	if d == tensor.Int8 {
		q.zero, q.flip = q.zero+128, 0x80
	}
	return q, nil
}

// flipped writes x to dst through flip, or returns x where there is nothing to do. len(dst) ≥ len(x).
func flipped(dst, x []uint8, flip uint8) []uint8 {
	if flip == 0 {
		return x
	}
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = v ^ flip
	}
	return dst
}

// clampAttrs reads the limits of a result, attributes of fused operators.
func clampAttrs(n *graph.Node) (lo, hi int32, err error) {
	l, err := n.IntAttr(AttrLo, 0)
	if err != nil {
		return 0, 0, err
	}
	h, err := n.IntAttr(AttrHi, 255)
	if err == nil && (l < 0 || h > 255 || l > h) {
		err = modelErr(n, "limits %d and %d", l, h)
	}
	return int32(l), int32(h), err
}

// AttrLo and AttrHi are the limits of the u8 result of a fused quantised operator: 0 and 255 where they are missing.
const (
	AttrLo = "lo"
	AttrHi = "hi"
)

// widen reads a constant of a quantised dtype as int32.
func widen(t *tensor.Tensor) ([]int32, error) {
	out := make([]int32, t.Len())
	switch t.DType {
	case tensor.Uint8, tensor.Int8:
		integersOf(out, t)
	case tensor.Int32:
		copy(out, tensor.Data[int32](t))
	default:
		return nil, graph.ErrUnsupported
	}
	return out, nil
}
