package train

// momentum is the heavy ball: v = mu·v + g; w -= lr·v (Polyak 1964).
type momentum struct {
	mu float32
	v  [][]float32
}

func newMomentum(params []param, mu float32) optimizer { return &momentum{mu, state(params)} }

func (o *momentum) step(params []param, lr float32) {
	for k, p := range params {
		v := o.v[k]
		for i, g := range p.g {
			v[i] = float32(o.mu*v[i]) + g
			p.w[i] -= float32(lr * v[i])
		}
	}
}
