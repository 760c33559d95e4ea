package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// conv3D is a convolution of three spatial axes as one of two: each slice of the output along the first axis is a convolution of an image
// whose channels are, for each channel of the input, the slices that meet the taps along that axis, 0 where there is none. The weights
// [filters × channels/groups × depth × …] are those of such an image as they lie.
type conv3D struct {
	flat   convKernel // of a slice, its window without the first axis
	window *window
}

func newConv3D(in []graph.Arg, w *window, groups int, hasBias bool, pool *kernels.Pool) *conv3D {
	flat := *w
	flat.kernel, flat.stride, flat.dilation, flat.before, flat.after = w.kernel[1:], w.stride[1:], w.dilation[1:], w.before[1:], w.after[1:]
	k := &conv3D{window: w, flat: convKernel{pool: pool, window: &flat, hasBias: hasBias, groups: groups, dynamic: !hasConst(in, 1)}}
	if weights := flatWeights(in[1].Shape); !k.flat.dynamic {
		k.flat.packed = packConv(&flat, in[1].Place, tensor.Data[float32](in[1].Const), weights[0], weights[1]*groups, groups, weights[2], weights[3])
	}
	return k
}

// flatWeights merges the channels and the first spatial axis.
func flatWeights(w []int) [4]int { return [4]int{w[0], w[1] * w[2], w[3], w[4]} }

// flatImage is the shape of the image behind one slice of the output.
func (k *conv3D) flatImage(x []int) [4]int { return [4]int{1, x[1] * k.window.kernel[0], x[3], x[4]} }

// sizes are the elements of the image, of a slice of the output for all filters, and of what the convolution needs.
func (k *conv3D) sizes(x, weights []int) (image, slice, floats, ints int) {
	shape, w := k.flatImage(x), flatWeights(weights)
	s, floats, ints := k.flat.scratch(shape[:], w[:])
	return multiplied(multiplied(shape[1], shape[2]), shape[3]), multiplied(multiplied(w[0], s.OH), s.OW), floats, ints
}

// ScratchBytes implements graph.ScratchKernel.
func (k *conv3D) ScratchBytes(args []graph.Arg) int {
	image, slice, floats, ints := k.sizes(args[0].Shape, args[1].Shape)
	return multiplied(8, ints) + multiplied(4, image) + multiplied(4, slice) + multiplied(4, floats)
}

// Run implements graph.Kernel.
func (k *conv3D) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	v := k.window.volume(in[0].Shape)
	size, slice, _, ints := k.sizes(in[0].Shape, in[1].Shape)
	taps, free := words[int64](scratch[:8*ints]), floats(scratch[8*ints:])
	image, result, free := free[:size], free[size:size+slice], free[size+slice:]
	var bias, weights []float32
	if k.flat.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	if k.flat.dynamic {
		weights = tensor.Data[float32](in[1])
	}
	channels, filters := in[0].Shape[1], in[1].Shape[0]
	pixels, outPixels := v.in[1]*v.in[2], v.out[1]*v.out[2]
	shape, w := k.flatImage(in[0].Shape), flatWeights(in[1].Shape)
	for b := range in[0].Shape[0] {
		for o := range v.out[0] {
			s := v.inside(0, o)
			for i := range channels * v.kernel[0] {
				to, tap := image[i*pixels:(i+1)*pixels], i%v.kernel[0]
				if tap < s.first || tap >= s.last {
					clear(to)
					continue
				}
				copy(to, x[((b*channels+i/v.kernel[0])*v.in[0]+s.start+tap*v.dilation[0])*pixels:])
			}
			k.flat.convolve(result, image, weights, bias, shape[:], w[:], free, taps)
			for f := range filters {
				copy(dst[((b*filters+f)*v.out[0]+o)*outPixels:][:outPixels], result[f*outPixels:])
			}
		}
	}
	return nil
}
