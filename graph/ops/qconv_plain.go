package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// qconvInputs are the positions of the operands of an integer convolution; −1 for those that the operator lacks.
type qconvInputs struct{ x, zeroX, w, zeroW, scaleX, scaleW, scaleY, zeroY, bias int }

var (
	qlinearConvInputs = qconvInputs{x: 0, scaleX: 1, zeroX: 2, w: 3, scaleW: 4, zeroW: 5, scaleY: 6, zeroY: 7, bias: 8}
	convIntegerInputs = qconvInputs{x: 0, w: 1, zeroX: 2, zeroW: 3, scaleX: -1, scaleW: -1, scaleY: -1, zeroY: -1, bias: -1}
)

// constant reports whether all operands but x are, and there are no more than two spatial axes: then the weights are packed.
func (p qconvInputs) constant(in []graph.Arg) bool {
	for i := range in {
		if i != p.x && present(in, i) && !hasConst(in, i) {
			return false
		}
	}
	return len(in[p.x].Shape) <= 4
}

// maxPlainProducts keeps sums of u8 or s8 differences within s32.
const maxPlainProducts = math.MaxInt32 / (255 * 255)

// qconvPlain is an integer convolution whose operands come with each run, in plain Go: same results as with packed weights.
type qconvPlain struct {
	qconvInputs
	window *window
	groups int
	given  [9]bool
}

func newQConvPlain(n *graph.Node, in []graph.Arg, p qconvInputs, win *window, groups int) (graph.Kernel, error) {
	k := &qconvPlain{qconvInputs: p, window: win, groups: groups}
	m := in[p.w].Shape[0]
	for i := range in {
		k.given[i] = present(in, i)
	}
	if size, _ := tensor.Elements(in[p.w].Shape[1:]); size > maxPlainProducts {
		return nil, unsupported(n, "%d products per sum, expected at most %d so that s32 cannot overflow", size, maxPlainProducts)
	}
	for _, check := range []struct {
		at     int
		dtype  tensor.DType
		counts [2]int
	}{
		{p.zeroX, in[p.x].DType, [2]int{1, 1}}, {p.zeroW, in[p.w].DType, [2]int{1, m}}, {p.scaleX, tensor.Float32, [2]int{1, 1}},
		{p.scaleW, tensor.Float32, [2]int{1, m}}, {p.scaleY, tensor.Float32, [2]int{1, 1}}, {p.zeroY, tensor.Invalid, [2]int{1, 1}}, {p.bias, tensor.Int32, [2]int{m, m}},
	} {
		if check.at < 0 || !present(in, check.at) {
			continue
		}
		a := in[check.at]
		if count, ok := tensor.Elements(a.Shape); !ok || count != check.counts[0] && count != check.counts[1] || check.dtype != tensor.Invalid && a.DType != check.dtype {
			return nil, modelErr(n, "input %d is %s %v, expected %d of %s", check.at, a.DType, a.Shape, check.counts[1], check.dtype)
		}
	}
	return k, nil
}

func (k *qconvPlain) has(i int) bool { return i >= 0 && k.given[i] }

// parts are the sizes of the scratch memory in int32: x, weights, zero points of the weights, sums.
func (k *qconvPlain) parts(x, w []int) (sizes [4]int) {
	v := k.window.volume(x)
	sizes[0], _ = tensor.Elements(x)
	sizes[1], _ = tensor.Elements(w)
	sizes[2] = w[0]
	if k.scaleY >= 0 {
		sizes[3] = multiplied(multiplied(x[0], w[0]), multiplied(multiplied(v.out[0], v.out[1]), v.out[2]))
	}
	return sizes
}

// ScratchBytes implements graph.ScratchKernel.
func (k *qconvPlain) ScratchBytes(args []graph.Arg) int {
	total := 0
	for _, n := range k.parts(args[k.x].Shape, args[k.w].Shape) {
		total += multiplied(4, n)
	}
	return total
}

// Run implements graph.Kernel.
func (k *qconvPlain) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, w := in[k.x], in[k.w]
	v, m := k.window.volume(x.Shape), w.Shape[0]
	memory := words[int32](scratch)
	var parts [4][]int32
	for i, n := range k.parts(x.Shape, w.Shape) {
		parts[i], memory = memory[:n], memory[n:]
	}
	integersOf(parts[0], x)
	integersOf(parts[1], w)
	p := convOperands[int32, int32, int32]{x: parts[0], w: parts[1], batch: x.Shape[0], m: m, c: x.Shape[1], groups: k.groups, dst: parts[3]}
	if k.has(k.zeroX) {
		p.zeroX = zeroPoint(in[k.zeroX], 0)
	}
	if k.has(k.zeroW) {
		p.zeroW = parts[2][:in[k.zeroW].Len()]
		integersOf(p.zeroW, in[k.zeroW])
	}
	if k.has(k.bias) {
		p.bias = tensor.Data[int32](in[k.bias])
	}
	if k.scaleY < 0 {
		p.dst = tensor.Data[int32](out[0])
		convPlain(&v, &p)
		return nil
	}
	convPlain(&v, &p)
	k.requantise(in, out[0], parts[3], m)
	return nil
}

// requantise is kernels.Requant for scales that come with a run.
func (k *qconvPlain) requantise(in []*tensor.Tensor, y *tensor.Tensor, sums []int32, m int) {
	lo, hi, zero := 0.0, 255.0, 0.0
	if y.DType == tensor.Int8 {
		lo, hi = -128, 127
	}
	if k.has(k.zeroY) {
		zero = float64(zeroPoint(in[k.zeroY], 0))
	}
	plane := len(sums) / max(1, y.Shape[0]*m)
	scaleX, scaleY, scales := tensor.Data[float32](in[k.scaleX])[0], tensor.Data[float32](in[k.scaleY])[0], tensor.Data[float32](in[k.scaleW])
	for row := range y.Shape[0] * m {
		mult := float32(float64(scaleX) * float64(element(scales, row%m)) / float64(scaleY))
		var block [elementBlock]float64
		for at := row * plane; at < (row+1)*plane; at += elementBlock {
			b := block[:min(elementBlock, (row+1)*plane-at)]
			for i := range b {
				b[i] = quantized(float64(float32(sums[at+i])*mult), zero, lo, hi)
			}
			storeInts(y, at, b)
		}
	}
}
