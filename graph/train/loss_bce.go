package train

import (
	"math"

	"github.com/hotpath/hotpath/kernels"
)

// binaryCrossEntropy of a logit z and a class y in {0, 1}: max(z, 0) - z·y + log(1 + e^-|z|), which never overflows.
// The gradient is sigmoid(z) - y.
type binaryCrossEntropy struct{ t []float32 }

func (l *binaryCrossEntropy) eval(z, y, dz []float32, _ int) float64 {
	l.t = grow(l.t, len(z))
	for i, v := range z {
		l.t[i] = -abs(v)
	}
	kernels.ExpF32(l.t, l.t)
	for i := range l.t {
		l.t[i]++
	}
	kernels.LogF32(l.t, l.t)
	var sum float64
	for i, v := range z {
		sum += float64(max(v, 0) - float32(v*y[i]) + l.t[i])
	}
	kernels.SigmoidF32(dz, z)
	share := 1 / float32(len(z))
	for i := range dz {
		dz[i] = float32((dz[i] - y[i]) * share)
	}
	return sum / float64(len(z))
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
