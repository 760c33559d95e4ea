package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// transpose3D is a transposed convolution of three spatial axes as one of two, as conv3D: a slice of the output comes from an image of the
// slices of the input that meet it, one for each channel and tap along the first axis.
type transpose3D struct {
	*convTranspose
	flat convTranspose // of a slice
}

func newTranspose3D(t *convTranspose, in []graph.Arg, pool *kernels.Pool) *transpose3D {
	w := *t.window
	w.kernel, w.stride, w.dilation, w.before, w.after = w.kernel[1:], w.stride[1:], w.dilation[1:], w.before[1:], w.after[1:]
	k := &transpose3D{convTranspose: t, flat: *t}
	k.flat.window = &w
	if t.extra != nil {
		k.flat.extra = t.extra[1:]
	}
	if t.outputs != nil {
		k.flat.outputs = t.outputs[1:]
	}
	k.flat.prepare(in, in[1].Shape[0]*t.kernel[0], pool)
	return k
}

// transposeLayout is the geometry of a slice and the elements of scratch memory: weights, image, result, then what the kernel needs.
type transposeLayout struct {
	shape kernels.ConvShape
	p     kernels.PackedConv
	sizes [4]int
	ints  int
}

func (k *transpose3D) layout(x, w []int) (l transposeLayout) {
	shape := [4]int{1, w[0] * w[2], x[3], x[4]}
	l.shape, l.p = k.flat.shape(shape[:], w[3:]), k.flat.described(w[1]*k.groups, shape[1], w[3:])
	weights, floats, ints := k.flat.sizes(&l.shape, &l.p)
	l.ints = ints
	l.sizes = [4]int{weights, multiplied(multiplied(shape[1], x[3]), x[4]), multiplied(multiplied(l.p.M, l.shape.OH), l.shape.OW), floats}
	return l
}

// ScratchBytes implements graph.ScratchKernel.
func (k *transpose3D) ScratchBytes(args []graph.Arg) int {
	l := k.layout(args[0].Shape, args[1].Shape)
	total := multiplied(8, l.ints)
	for _, n := range l.sizes {
		total += multiplied(4, n)
	}
	return total
}

// Run implements graph.Kernel.
func (k *transpose3D) Run(in, out []*tensor.Tensor, scratch []byte) error {
	shape := in[0].Shape
	l := k.layout(shape, in[1].Shape)
	taps, free := words[int64](scratch[:8*l.ints]), floats(scratch[8*l.ints:])
	var parts [3][]float32
	for i := range parts {
		parts[i], free = free[:l.sizes[i]], free[l.sizes[i]:]
	}
	weights, image, result := parts[0], parts[1], parts[2]
	if k.flat.dynamic {
		filtersFirst(weights, tensor.Data[float32](in[1]), in[1].Shape, k.groups)
	}
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	kernel, filters := in[1].Shape[2], l.p.M
	depth, before, _ := k.output(0, shape[2], kernel)
	pixels, outPixels := shape[3]*shape[4], l.shape.OH*l.shape.OW
	for b := range shape[0] {
		for o := range depth {
			for i := range shape[1] * kernel {
				to := image[i*pixels : (i+1)*pixels]
				at := o + before - i%kernel*k.dilation[0]
				if at < 0 || at%k.stride[0] != 0 || at/k.stride[0] >= shape[2] {
					clear(to)
					continue
				}
				copy(to, x[((b*shape[1]+i/kernel)*shape[2]+at/k.stride[0])*pixels:])
			}
			k.flat.convolve(result, image, weights, k.bias(in), 1, &l.shape, &l.p, free, taps)
			for f := range filters {
				copy(dst[((b*filters+f)*depth+o)*outPixels:][:outPixels], result[f*outPixels:])
			}
		}
	}
	return nil
}

// transposeFloat64 is a transposed convolution of float64 in plain Go: bias, then the products of channels, inputs and taps, ascending.
type transposeFloat64 struct {
	t *convTranspose
	constants
}

// Run implements graph.Kernel.
func (k *transposeFloat64) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, w, dst := tensor.Data[float64](in[0]), tensor.Data[float64](k.input(in, 1)), tensor.Data[float64](out[0])
	var v volume
	fill(v.in[:], 1)
	v.out, v.kernel, v.stride, v.dilation = v.in, v.in, v.in, v.in
	shape := in[0].Shape
	for i, d := range shape[2:] {
		at := 3 - (len(shape) - 2) + i
		v.in[at], v.kernel[at], v.stride[at], v.dilation[at] = d, in[1].Shape[2+i], k.t.stride[i], k.t.dilation[i]
		v.out[at], v.before[at], _ = k.t.output(i, d, v.kernel[at])
	}
	pixels, outPixels, taps := product3(v.in), product3(v.out), product3(v.kernel)
	cg, mg := shape[1]/k.t.groups, in[1].Shape[1]
	filters := mg * k.t.groups
	for row := range shape[0] * filters {
		b, f := row/filters, row%filters
		y := dst[row*outPixels : (row+1)*outPixels]
		clear(y)
		if k.t.hasBias {
			fill(y, tensor.Data[float64](in[2])[f])
		}
		for c := range cg {
			channel := f/mg*cg + c
			plane := x[(b*shape[1]+channel)*pixels:][:pixels]
			filter := w[(channel*mg+f%mg)*taps:][:taps]
			for i, value := range plane {
				for t, weight := range filter {
					if at, ok := v.scattered(i, t); ok {
						y[at] += float64(value * weight)
					}
				}
			}
		}
	}
	return nil
}

// scattered is the place in an output plane that input i meets through tap t, if there is one.
func (v *volume) scattered(i, t int) (at int, ok bool) {
	step := 1
	for axis := 2; axis >= 0; axis-- {
		o := i%v.in[axis]*v.stride[axis] - v.before[axis] + t%v.kernel[axis]*v.dilation[axis]
		if o < 0 || o >= v.out[axis] {
			return 0, false
		}
		at += o * step
		step *= v.out[axis]
		i, t = i/v.in[axis], t/v.kernel[axis]
	}
	return at, true
}
