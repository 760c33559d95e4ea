package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// QuantizeLinear and DequantizeLinear with one scale, one for each position of an axis, or one for each block along an axis.
// graph/passes fuses those of constant scales into integer operators.
var (
	opQuantize   = &Op{Name: "quantize_linear", Type: "QuantizeLinear", Since: 10, MinInputs: 2, Infer: inferQuantize, Build: buildQuantize, Rows: rowsGranular}
	opDequantize = &Op{Name: "dequantize_linear", Type: "DequantizeLinear", Since: 10, MinInputs: 2, Infer: inferDequantize, Build: buildDequantize, Rows: rowsGranular}
)

var (
	// scaleTypes are the dtypes of scales.
	scaleTypes = []tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float8E8M0}
	// quantizedTypes are the dtypes of quantised values. Int32 can only be dequantised.
	quantizedTypes = []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16, tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2,
		tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float4E2M1, tensor.Int32}
)

// checkScales checks scale and zero point of a value quantised to dtype q.
func checkScales(n *graph.Node, in []graph.Arg, q tensor.DType) error {
	if err := wantDType(n, in, 1, scaleTypes...); err != nil {
		return err
	}
	if present(in, 2) && in[2].DType != q {
		return modelErr(n, "a zero point of %s, expected %s", in[2].DType, q)
	}
	if hasConst(in, 1) {
		var v [1]float64
		for i := range in[1].Const.Len() {
			if loadFloat64(v[:], in[1].Const, i); !(v[0] > 0) || math.IsInf(v[0], 0) {
				return modelErr(n, "a scale of %v, expected a positive finite number", v[0])
			}
		}
	}
	_, err := readGranularity(n, in)
	return err
}

func inferQuantize(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Int32); err != nil {
		return nil, err
	}
	k, err := readQuantize(n, in)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(quantizedTypes, k.to) || k.to == tensor.Int32 {
		return nil, unsupported(n, "quantising to %s", k.to)
	}
	return []graph.Arg{{DType: k.to, Shape: in[0].Shape}}, checkScales(n, in, k.to)
}

// quantizeKernel divides in precision, rounds to whole numbers, ties to even, and adds the zero point; floats of at most 8 bits are
// rounded to themselves instead. NaN becomes the lowest integer.
type quantizeKernel struct {
	granularity
	precision tensor.DType
	to        tensor.DType
	encode    func(float64) uint8 // of a float
	lo, hi    float64             // of an integer
	hasZero   bool
}

func readQuantize(n *graph.Node, in []graph.Arg) (*quantizeKernel, error) {
	k := &quantizeKernel{hasZero: present(in, 2)}
	var err error
	if k.to, err = dtypeAttr(n, "output_dtype"); err != nil {
		return nil, err
	}
	switch {
	case k.hasZero && k.to != tensor.Invalid && k.to != in[2].DType:
		return nil, modelErr(n, "output_dtype is %s, the zero point %s", k.to, in[2].DType)
	case k.hasZero:
		k.to = in[2].DType
	case k.to == tensor.Invalid:
		k.to = tensor.Uint8
	}
	if k.precision, err = dtypeAttr(n, "precision"); err != nil {
		return nil, err
	}
	switch k.precision {
	case tensor.Invalid:
		if k.precision = in[1].DType; k.precision == tensor.Float8E8M0 {
			k.precision = tensor.Float32
		}
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
	default:
		return nil, modelErr(n, "a precision of %s", k.precision)
	}
	saturate, err := n.IntAttr("saturate", 1)
	if err != nil {
		return nil, err
	}
	if k.to.IsSmallFloat() {
		k.encode = tensor.ToSmall(k.to, saturate != 0, tensor.RoundUp)
		return k, nil
	}
	bits := k.to.FileBits()
	k.hi = math.Ldexp(1, bits) - 1
	if k.to == tensor.Int8 || k.to == tensor.Int16 || k.to == tensor.Int4 || k.to == tensor.Int2 {
		k.lo, k.hi = -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
	}
	return k, nil
}

func buildQuantize(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	k, err := readQuantize(n, in)
	if err != nil {
		return nil, err
	}
	if err := checkScales(n, in, k.to); err != nil {
		return nil, err
	}
	if k.granularity, err = readGranularity(n, in); err != nil {
		return nil, err
	}
	if k.axis < 0 && in[0].DType == tensor.Float32 && k.precision == tensor.Float32 && in[1].DType == tensor.Float32 && (k.to == tensor.Uint8 || k.to == tensor.Int8) {
		return quantizeBytes{k.to == tensor.Int8, k.hasZero}, nil
	}
	return k, nil
}

// quantizeBytes has one scale. s8 is u8 shifted by 128: same rounding, same saturation.
type quantizeBytes struct{ signed, hasZero bool }

// Run implements graph.Kernel.
func (k quantizeBytes) Run(in, out []*tensor.Tensor, _ []byte) error {
	var zero, flip uint8
	if k.hasZero {
		zero = in[2].Bytes[0]
	}
	if k.signed {
		flip = 0x80
	}
	kernels.QuantizeU8(out[0].Bytes, tensor.Data[float32](in[0]), tensor.Data[float32](in[1])[0], zero^flip)
	flipped(out[0].Bytes, out[0].Bytes, flip)
	return nil
}

// elementBlock is how many elements are converted at once.
const elementBlock = 256

// Run implements graph.Kernel.
func (k *quantizeKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	k.runs(in[0].Shape, func(at, count, scale int, each bool) {
		var xs, scales, zeros [elementBlock]float64
		for done := 0; done < count; done += elementBlock {
			c := min(elementBlock, count-done)
			x := xs[:c]
			loadFloat64(x, in[0], at+done)
			k.loadScales(scales[:c], zeros[:c], in, scale, done, each)
			for i, v := range x {
				q := roundTo(k.precision, roundTo(k.precision, v)/roundTo(k.precision, scales[i]))
				if k.encode != nil {
					x[i] = q + zeros[i]
				} else {
					x[i] = quantized(q, zeros[i], k.lo, k.hi)
				}
			}
			if k.encode == nil {
				storeInts(out[0], at+done, x)
				continue
			}
			codes := tensor.Data[uint8](out[0])[at+done:]
			for i, v := range x {
				codes[i] = k.encode(v)
			}
		}
	})
	return nil
}

// quantized rounds q, ties to even, and adds zero, both within lo…hi; NaN becomes lo.
func quantized(q, zero, lo, hi float64) float64 {
	q = math.RoundToEven(q) + zero
	if !(q > lo) {
		return lo
	}
	return min(q, hi)
}

func (k *quantizeKernel) loadScales(scales, zeros []float64, in []*tensor.Tensor, scale, done int, each bool) {
	var zero *tensor.Tensor
	if k.hasZero {
		zero = in[2]
	}
	loadScales(scales, zeros, in[1], zero, scale, done, each)
}

// loadScales reads the scales and zero points of elements done… of a run.
func loadScales(scales, zeros []float64, scale, zero *tensor.Tensor, at, done int, each bool) {
	if !each {
		loadFloat64(scales[:1], scale, at)
		fill(scales, scales[0])
		if zero != nil {
			loadFloat64(zeros[:1], zero, at)
			fill(zeros, zeros[0])
		}
		return
	}
	loadFloat64(scales, scale, at+done)
	if zero != nil {
		loadFloat64(zeros, zero, at+done)
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func inferDequantize(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 0, quantizedTypes...); err != nil {
		return nil, err
	}
	to, err := dequantizedType(n, in)
	if err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: to, Shape: in[0].Shape}}, checkScales(n, in, in[0].DType)
}

// dequantizedType is output_dtype, or that of the scale.
func dequantizedType(n *graph.Node, in []graph.Arg) (tensor.DType, error) {
	to, err := dtypeAttr(n, "output_dtype")
	if err != nil {
		return to, err
	}
	if to == tensor.Invalid {
		if to = in[1].DType; to == tensor.Float8E8M0 {
			to = tensor.Float32
		}
	}
	if to != tensor.Float32 && to != tensor.Float64 && !isHalf(to) {
		return to, unsupported(n, "dequantising to %s", to)
	}
	return to, nil
}

func buildDequantize(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
	to, err := dequantizedType(n, in)
	if err != nil {
		return nil, err
	}
	if err := checkScales(n, in, in[0].DType); err != nil {
		return nil, err
	}
	g, err := readGranularity(n, in)
	k := &dequantizeKernel{g, present(in, 2), in[0].DType == tensor.Uint8 && in[1].DType == tensor.Float32 && to == tensor.Float32}
	return k, err
}

// dequantizeKernel computes f32(q − zero) · scale, as ONNX defines it; the difference is exact.
type dequantizeKernel struct {
	granularity
	hasZero bool
	bytes   bool // from u8 to f32
}

// Run implements graph.Kernel.
func (k *dequantizeKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	var zero *tensor.Tensor
	if k.hasZero {
		zero = in[2]
	}
	k.runs(in[0].Shape, func(at, count, scale int, each bool) {
		if k.bytes && !each {
			z := uint8(0)
			if zero != nil {
				z = zero.Bytes[scale]
			}
			kernels.DequantizeU8(tensor.Data[float32](out[0])[at:at+count], in[0].Bytes[at:at+count], tensor.Data[float32](in[1])[scale], z)
			return
		}
		var xs, scales, zeros [elementBlock]float64
		for done := 0; done < count; done += elementBlock {
			x := xs[:min(elementBlock, count-done)]
			loadFloat64(x, in[0], at+done)
			loadScales(scales[:len(x)], zeros[:len(x)], in[1], zero, scale, done, each)
			for i, v := range x {
				x[i] = float64(float32(v-zeros[i]) * float32(scales[i]))
			}
			storeFloats(out[0], at+done, x)
		}
	})
	return nil
}
