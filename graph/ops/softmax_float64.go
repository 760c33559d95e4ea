package ops

import "github.com/hotpath/hotpath/graph/tensor"

// softmaxFloat64 is Softmax, LogSoftmax and Hardmax of float64, in plain Go.
type softmaxFloat64 struct {
	axes softmaxKernel
	hard bool
}

// Run implements graph.Kernel.
func (k *softmaxFloat64) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, dst := tensor.Data[float64](in[0]), tensor.Data[float64](out[0])
	if len(x) == 0 {
		return nil
	}
	outer, n, inner := k.axes.sizes(in[0].Shape)
	for o := range outer {
		for i := range inner {
			first, end := o*n*inner+i, (o+1)*n*inner
			best := first
			for at := first; at < end; at += inner {
				if x[at] > x[best] || x[at] != x[at] && x[best] == x[best] && !k.hard {
					best = at
				}
			}
			largest, sum := x[best], 0.0
			for at := first; at < end; at += inner {
				dst[at] = expF64(x[at] - largest)
				sum += dst[at]
			}
			shift := largest + logF64(sum)
			for at := first; at < end; at += inner {
				switch {
				case k.hard:
					dst[at] = 0
				case k.axes.log:
					dst[at] = x[at] - shift
				default:
					dst[at] /= sum
				}
			}
			if k.hard {
				dst[best] = 1
			}
		}
	}
	return nil
}
