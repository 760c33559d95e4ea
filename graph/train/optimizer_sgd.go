package train

// sgd is w -= lr·g. On all rows at once it is gradient descent, on batches stochastic gradient descent.
type sgd struct{}

func (sgd) step(params []param, lr float32) {
	for _, p := range params {
		for i, g := range p.g {
			p.w[i] -= float32(lr * g)
		}
	}
}
