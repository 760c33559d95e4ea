package train

import "github.com/hotpath/hotpath/kernels"

// softmaxCrossEntropy of logits z and a class y: m + log Σ e^(z-m) - z[y] with m = max z. The gradient is
// softmax(z) - onehot(y).
type softmaxCrossEntropy struct{ e, sums []float32 }

func (l *softmaxCrossEntropy) eval(z, y, dz []float32, cols int) float64 {
	rows := len(y)
	l.e, l.sums = grow(l.e, cols), grow(l.sums, rows)
	var sum float64
	for i := range rows {
		row := z[i*cols : (i+1)*cols]
		m := row[0]
		for _, v := range row {
			m = max(m, v)
		}
		for j, v := range row {
			l.e[j] = v - m
		}
		sum += float64(m - row[int(y[i])])
		kernels.ExpF32(l.e, l.e)
		l.sums[i] = kernels.SumF32(l.e)
	}
	kernels.LogF32(l.sums, l.sums)
	for _, v := range l.sums {
		sum += float64(v)
	}
	kernels.SoftmaxF32(dz, z, rows, cols)
	share := 1 / float32(rows)
	for i := range rows {
		row := dz[i*cols : (i+1)*cols]
		row[int(y[i])]--
		for j := range row {
			row[j] *= share
		}
	}
	return sum / float64(rows)
}
