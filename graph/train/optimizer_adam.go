package train

// adam keeps running means of gradients and squared gradients, corrected for their start at zero (Kingma and Ba 2015,
// algorithm 1 in the order of operations of its section 2): m = 0.9·m + 0.1·g; v = 0.999·v + 0.001·g²;
// w -= lr·√(1-0.999^t)/(1-0.9^t)·m/(√v + 1e-7).
type adam struct {
	m, v       [][]float32
	pow1, pow2 float32 // 0.9^t, 0.999^t
}

func newAdam(params []param, _ float32) optimizer {
	return &adam{m: state(params), v: state(params), pow1: 1, pow2: 1}
}

func (o *adam) step(params []param, lr float32) {
	const keep1, keep2 = 0.9, 0.999
	o.pow1 = float32(o.pow1 * keep1) // without the conversion the subtractions below may fuse with it
	o.pow2 = float32(o.pow2 * keep2)
	rate := float32(lr*sqrt32(1-o.pow2)) / (1 - o.pow1)
	for k, p := range params {
		m, v, w := o.m[k], o.v[k][:len(p.g)], p.w[:len(p.g)]
		m = m[:len(p.g)]
		for i, g := range p.g {
			m[i] = float32(keep1*m[i]) + float32((1-keep1)*g)
			v[i] = float32(keep2*v[i]) + float32((1-keep2)*float32(g*g))
			w[i] -= float32(rate*m[i]) / (sqrt32(v[i]) + 1e-7)
		}
	}
}
