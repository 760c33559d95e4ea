package train

// rmsprop divides by the root of a running mean of squared gradients: s = 0.9·s + 0.1·g²; w -= lr·g/(√s + 1e-7)
// (Hinton, Coursera lecture 6e, 2012).
type rmsprop struct{ s [][]float32 }

func newRMSProp(params []param, _ float32) optimizer { return &rmsprop{state(params)} }

func (o *rmsprop) step(params []param, lr float32) {
	const keep = 0.9
	for k, p := range params {
		s := o.s[k]
		for i, g := range p.g {
			s[i] = float32(keep*s[i]) + float32((1-keep)*float32(g*g))
			p.w[i] -= float32(lr*g) / (sqrt32(s[i]) + 1e-7)
		}
	}
}
