package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Integer convolutions. Constant weights, scales and zero points are packed; others are qconvPlain's. Sums are exact in s32; a weight less its zero point may need nine
// bits, which costs the kernel twice the products.
//
// Inputs of opQLinearConv: 0 x u8 or s8; 1 its scale; 2 its zero point; 3 weights [M, C/group, …] u8 or s8; 4 their scales [1] or [M];
// 5 their zero points; 6 scale of y; 7 its zero point; 8 bias s32 [M] in units of the product of the scales of x and w (may be omitted).
// y = sat(roundeven(f32(sum + bias) · m) + zero point), m = f32(f64(scale_x) · f64(scale_w) / f64(scale_y)).
//
// opQConv is the same on u8 with channels last, made by graph/passes. Without input 6 its result is f32: f32(sum + bias) ·
// f32(f64(scale_x) · f64(scale_w)). Attributes "lo" and "hi" limit a u8 result, "activation" may be "Relu" for an f32 one.
var (
	opQConv = &Op{Name: "qconv", Domain: graph.DomainFused, Type: "QConv", MinInputs: 6, Rows: rowsFirst, Packs: packsAll,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) { return inferQConv(n, in, true, 0) },
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			return buildQConv(n, in, pool, true)
		},
	}
	opQLinearConv = &Op{Name: "qlinear_conv", Type: "QLinearConv", Since: 10, MinInputs: 8, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) { return inferQConv(n, in, false, 8) },
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			if !qlinearConvInputs.constant(in) {
				win, groups, err := qconvWindow(n, in[0], in[3], false)
				if err != nil {
					return nil, err
				}
				return newQConvPlain(n, in, qlinearConvInputs, win, groups)
			}
			return buildQConv(n, in, pool, false)
		},
	}
	opConvInteger = &Op{Name: "conv_integer", Type: "ConvInteger", Since: 10, MinInputs: 2, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 4); err != nil {
				return nil, err
			}
			w, _, err := qconvWindow(n, in[0], in[1], false)
			if err != nil {
				return nil, err
			}
			shape, err := w.inferSpatial(n, in[0].Shape, in[1].Shape[0])
			return []graph.Arg{{DType: tensor.Int32, Shape: shape}}, err
		},
		Build: buildConvInteger,
	}
)

// qconvWindow checks x [batch, channels, …], or [batch, …, channels], and the weights.
func qconvWindow(n *graph.Node, x, w graph.Arg, last bool) (*window, int, error) {
	for i, a := range []graph.Arg{x, w} {
		if a.DType != tensor.Uint8 && a.DType != tensor.Int8 {
			return nil, 0, modelErr(n, "%s is %s, expected uint8 or int8", []string{"x", "w"}[i], a.DType)
		}
	}
	if len(x.Shape) < 3 || len(w.Shape) != len(x.Shape) {
		return nil, 0, modelErr(n, "input %v and weights %v", x.Shape, w.Shape)
	}
	if last && (w.Const == nil || len(x.Shape) > 4) {
		return nil, 0, unsupported(n, "weights %v that are not a constant or have more than two spatial axes", w.Shape)
	}
	group, err := n.IntAttr("group", 1)
	if err != nil {
		return nil, 0, err
	}
	channels := x.Shape[1]
	if last {
		channels = x.Shape[len(x.Shape)-1]
	}
	size, _ := tensor.Elements(w.Shape)
	if group < 1 || group > int64(w.Shape[0]) || int64(w.Shape[0])%group != 0 || int64(channels)%group != 0 ||
		int64(channels)/group != int64(w.Shape[1]) || size == 0 {
		return nil, 0, modelErr(n, "%d groups of input %v and weights %v", group, x.Shape, w.Shape)
	}
	win, err := windowOf(n, len(x.Shape)-2, w.Shape[2:])
	return win, int(group), err
}

func inferQConv(n *graph.Node, in []graph.Arg, last bool, min int) ([]graph.Arg, error) {
	if err := arity(n, in, max(min, 6), 9); err != nil {
		return nil, err
	}
	w, _, err := qconvWindow(n, in[0], in[3], last)
	if err != nil {
		return nil, err
	}
	out := tensor.Float32
	if present(in, 6) {
		if out = tensor.Uint8; present(in, 7) {
			out = in[7].DType
		}
		if out != tensor.Uint8 && out != tensor.Int8 {
			return nil, modelErr(n, "a zero point of %s, expected uint8 or int8", out)
		}
	}
	x := in[0].Shape
	if last {
		x = channelsFirst(x)
	}
	shape, err := w.inferSpatial(n, x, in[3].Shape[0])
	if err == nil && last {
		shape = channelsLast(shape)
	}
	return []graph.Arg{{DType: out, Shape: shape}}, err
}

// channelsFirst turns [batch, …, channels] into [batch, channels, …], channelsLast back.
func channelsFirst(s []int) []int {
	return append([]int{s[0], s[len(s)-1]}, s[1:len(s)-1]...)
}

func channelsLast(s []int) []int {
	return append(append([]int{s[0]}, s[2:]...), s[1])
}

// channelsAhead is the shape x with the channels on axis 1, wherever they are, without an allocation.
func channelsAhead(memory *[4]int, x []int, last bool) []int {
	d := memory[:len(x)]
	copy(d, x)
	if last {
		d[1] = x[len(x)-1]
		copy(d[2:], x[1:len(x)-1])
	}
	return d
}

// qconvWeights packs w less its zero points, which may be missing: one or as many as outputs. u8 says that the result is.
func qconvWeights(n *graph.Node, in []graph.Arg, weights, zero int, win *window, groups int, u8 bool) (*kernels.PackedQConv, error) {
	w := in[weights]
	m := w.Shape[0]
	values, err := widen(w.Const)
	if err != nil {
		return nil, err
	}
	zeros := []int32{0}
	if present(in, zero) {
		if !hasConst(in, zero) {
			return nil, unsupported(n, "zero points of weights that are not a constant")
		}
		if in[zero].DType != w.DType {
			return nil, modelErr(n, "zero points of %s for weights of %s", in[zero].DType, w.DType)
		}
		if zeros, err = widen(in[zero].Const); err != nil || len(zeros) != 1 && len(zeros) != m {
			return nil, modelErr(n, "%d zero points for weights %v", len(zeros), w.Shape)
		}
	}
	each := len(values) / m
	packed := make([]int16, len(values))
	for o := range m {
		z := element(zeros, o)
		for i, v := range values[o*each : (o+1)*each] {
			packed[o*each+i] = int16(v - z)
		}
	}
	last := len(win.kernel) - 1
	kh, dilationH := 1, 1
	if last == 1 {
		kh, dilationH = win.kernel[0], win.dilation[0]
	}
	return kernels.PackQConv(packed, m, w.Shape[1]*groups, groups, kh, win.kernel[last], dilationH, win.dilation[last], u8), nil
}

type qconvKernel struct {
	pool     *kernels.Pool
	window   *window
	packed   *kernels.PackedQConv
	last     bool // channels last
	zero     uint8
	flip     uint8 // of the input, only with channels first
	flipOut  uint8
	bytesOut int // of an element
	requant  *kernels.Requant
	dequant  *kernels.Dequant
	dynamic  bool // the zero point of x, input 2 of ConvInteger, comes with each run
}

func buildQConv(n *graph.Node, in []graph.Arg, pool *kernels.Pool, last bool) (graph.Kernel, error) {
	win, groups, err := qconvWindow(n, in[0], in[3], last)
	if err != nil {
		return nil, err
	}
	x, err := readQuantScalar(n, in, 1, 2, in[0].DType)
	if err != nil {
		return nil, err
	}
	m := in[3].Shape[0]
	if !hasConst(in, 4) || in[4].DType != tensor.Float32 || in[4].Const.Len() != 1 && in[4].Const.Len() != m {
		return nil, unsupported(n, "scales of weights that are not %d constants of float32", m)
	}
	u8 := present(in, 6)
	k := &qconvKernel{pool: pool, window: win, last: last, zero: uint8(x.zero), flip: x.flip, bytesOut: 4}
	if last && x.flip != 0 {
		return nil, modelErr(n, "x is int8, expected uint8")
	}
	if k.packed, err = qconvWeights(n, in, 3, 5, win, groups, u8); err != nil {
		return nil, err
	}
	var given []int32
	if present(in, 8) {
		if !hasConst(in, 8) || in[8].DType != tensor.Int32 || in[8].Const.Len() != m {
			return nil, unsupported(n, "a bias that is not %d constants of int32", m)
		}
		given = tensor.Data[int32](in[8].Const)
	}
	bias, ok := k.packed.ZeroPointBias(given, k.zero)
	if !ok {
		return nil, unsupported(n, "sums that could overflow int32")
	}
	scales, y := tensor.Data[float32](in[4].Const), quantScalar{scale: 1}
	if u8 {
		out := tensor.Uint8
		if present(in, 7) {
			out = in[7].DType
		}
		if y, err = readQuantScalar(n, in, 6, 7, out); err != nil {
			return nil, err
		}
	}
	mult := make([]float32, m)
	for o := range mult {
		s := element(scales, o)
		mult[o] = float32(float64(x.scale) * float64(s) / float64(y.scale))
		if !(s > 0) || math.IsInf(float64(mult[o]), 0) {
			return nil, modelErr(n, "a weight scale of %v", s)
		}
	}
	if !u8 {
		act, err := n.StringAttr(AttrActivation, "")
		k.dequant = &kernels.Dequant{Bias: bias, Scale: mult}
		if act == "Relu" {
			k.dequant.Act = kernels.ActRelu
		}
		return k, err
	}
	k.bytesOut, k.flipOut = 1, y.flip
	k.requant = &kernels.Requant{Bias: bias, Mult: mult, ZeroPoint: y.zero}
	if k.requant.Lo, k.requant.Hi, err = clampAttrs(n); err != nil {
		return nil, err
	}
	if k.packed.Depthwise() {
		k.requant = k.packed.NewDepthwiseRequant(k.requant)
	}
	return k, nil
}

func buildConvInteger(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	win, groups, err := qconvWindow(n, in[0], in[1], false)
	if err != nil {
		return nil, err
	}
	k := &qconvKernel{pool: pool, window: win, bytesOut: 4, dynamic: present(in, 2) && !hasConst(in, 2)}
	packable := slices.Clone(in)
	if k.dynamic { // the zero point of activations that were quantised by their range
		packable[2] = graph.Arg{}
	}
	if !convIntegerInputs.constant(packable) {
		return newQConvPlain(n, in, convIntegerInputs, win, groups)
	}
	if in[0].DType == tensor.Int8 {
		k.flip = 0x80
	}
	k.zero = k.flip
	if present(in, 2) {
		if size, _ := tensor.Elements(in[2].Shape); in[2].DType != in[0].DType || size != 1 {
			return nil, modelErr(n, "a zero point of %s %v, expected one of %s", in[2].DType, in[2].Shape, in[0].DType)
		}
		if !k.dynamic {
			k.zero = in[2].Const.Bytes[0] ^ k.flip
		}
	}
	if k.packed, err = qconvWeights(n, in, 1, 3, win, groups, false); err != nil {
		return nil, err
	}
	for _, zero := range []uint8{k.zero, 0, math.MaxUint8} {
		if _, ok := k.packed.ZeroPointBias(nil, zero); !ok && (k.dynamic || zero == k.zero) {
			return nil, unsupported(n, "sums that could overflow int32")
		}
	}
	return k, nil
}

// qconvParts are the sizes in bytes of the parts of the scratch memory.
type qconvParts struct{ ints, out, in, bytes int }

func (k *qconvKernel) parts(s *kernels.ConvShape, batch int) (p qconvParts) {
	bytes, ints := k.packed.QConvScratch(s)
	p.ints, p.bytes = roundUp64(8*ints), bytes
	if !k.last {
		p.in = roundUp64(batch * s.H * s.W * k.packed.C)
		p.out = roundUp64(batch * s.OH * s.OW * k.packed.M * k.bytesOut)
	}
	return p
}

func roundUp64(n int) int { return (n + 63) &^ 63 }

// geometry is the shape of the windows over x, and the batch.
func (k *qconvKernel) geometry(x []int) (kernels.ConvShape, int) {
	var dims [4]int
	d := channelsAhead(&dims, x, k.last)
	s, _, _ := k.window.shape(d)
	return s, x[0]
}

// ScratchBytes implements graph.ScratchKernel.
func (k *qconvKernel) ScratchBytes(args []graph.Arg) int {
	s, batch := k.geometry(args[0].Shape)
	p := k.parts(&s, batch)
	return p.ints + p.out + p.in + p.bytes
}

// Run implements graph.Kernel.
func (k *qconvKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, batch := k.geometry(in[0].Shape)
	p := k.parts(&s, batch)
	ints := tensor.Tensor{DType: tensor.Int64, Bytes: scratch[:p.ints]}
	x, y := in[0].Bytes, tensor.Tensor{DType: out[0].DType, Bytes: out[0].Bytes}
	if !k.last {
		y.Bytes = scratch[p.ints:][:len(out[0].Bytes)]
		x = scratch[p.ints+p.out:][:len(in[0].Bytes)]
		pixels := s.H * s.W
		for i := range batch {
			from, to := i*pixels*k.packed.C, (i+1)*pixels*k.packed.C
			kernels.TransposeU8(x[from:to], in[0].Bytes[from:to], k.packed.C, pixels, k.packed.C, pixels)
		}
		flipped(x, x, k.flip)
	}
	bytes := scratch[p.ints+p.out+p.in:][:p.bytes]
	taps, zero := tensor.Data[int64](&ints), k.zero
	if k.dynamic {
		zero = in[2].Bytes[0] ^ k.flip
	}
	switch {
	case k.dequant != nil:
		kernels.ConvU8S8F32(k.pool, tensor.Data[float32](&y), x, k.zero, k.packed, batch, &s, k.dequant, bytes, taps)
	case k.bytesOut == 1:
		kernels.ConvU8S8U8(k.pool, y.Bytes, x, k.zero, k.packed, batch, &s, k.requant, bytes, taps)
		flipped(y.Bytes, y.Bytes, k.flipOut)
	default:
		kernels.ConvU8S8S32(k.pool, tensor.Data[int32](&y), x, zero, k.packed, batch, &s, bytes, taps)
		sums := tensor.Data[int32](&y)
		for i := range sums {
			sums[i] -= int32(zero) * k.packed.Sum[i%k.packed.M]
		}
	}
	if k.last {
		return nil
	}
	pixels, m := s.OH*s.OW, k.packed.M
	for i := range batch {
		from, to := i*pixels*m*k.bytesOut, (i+1)*pixels*m*k.bytesOut
		if k.bytesOut == 1 {
			kernels.TransposeU8(out[0].Bytes[from:to], y.Bytes[from:to], pixels, m, pixels, m)
			continue
		}
		var v kernels.View
		v.Size = 4
		v.Axis(m, 1)
		v.Axis(pixels, m)
		kernels.CopyView(out[0].Bytes[from:to], y.Bytes[from:to], &v)
	}
	return nil
}
