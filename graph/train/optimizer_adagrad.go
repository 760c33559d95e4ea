package train

// adagrad divides by the root of all squared gradients so far: s += g²; w -= lr·g/(√s + 1e-7) (Duchi, Hazan and
// Singer 2011).
type adagrad struct{ s [][]float32 }

func newAdagrad(params []param, _ float32) optimizer { return &adagrad{state(params)} }

func (o *adagrad) step(params []param, lr float32) {
	for k, p := range params {
		s := o.s[k]
		for i, g := range p.g {
			s[i] += float32(g * g)
			p.w[i] -= float32(lr*g) / (sqrt32(s[i]) + 1e-7)
		}
	}
}
