package ops

import "github.com/hotpath/hotpath/kernels"

// cellDefaults are the activations of a cell that names none.
var cellDefaults = [...][]string{kernels.CellRNN: {"Tanh"}, kernels.CellGRU: {"Sigmoid", "Tanh"}, kernels.CellLSTM: {"Sigmoid", "Tanh", "Tanh"}}

// cellActivation is an activation of a recurrent network, its name in lower case.
type cellActivation struct {
	name        string
	alpha, beta float32
}

// float32 is the function on vectors; nil for an unknown name.
func (a cellActivation) float32() func(dst, x []float32) {
	alpha, beta := a.alpha, a.beta
	switch a.name {
	case "sigmoid":
		return kernels.SigmoidF32
	case "tanh":
		return kernels.TanhF32
	case "relu":
		return kernels.ReluF32
	case "softplus":
		return kernels.SoftplusF32
	case "leakyrelu":
		return func(dst, x []float32) { kernels.LeakyReluF32(dst, x, alpha) }
	case "elu":
		return func(dst, x []float32) { kernels.EluF32(dst, x, alpha) }
	case "affine":
		return func(dst, x []float32) { kernels.AffineF32(dst, x, 0, alpha, beta) }
	case "hardsigmoid":
		return func(dst, x []float32) { kernels.HardSigmoidF32(dst, x, alpha, beta) }
	case "scaledtanh":
		return func(dst, x []float32) {
			kernels.AffineF32(dst, x, 0, beta, 0)
			kernels.TanhF32(dst, dst)
			kernels.AffineF32(dst, dst, 0, alpha, 0)
		}
	}
	return nil
}

// float64 is the function on one number; nil for an unknown name.
func (a cellActivation) float64() func(float64) float64 {
	alpha, beta := float64(a.alpha), float64(a.beta)
	switch a.name {
	case "sigmoid":
		return sigmoid
	case "tanh":
		return tanhF64
	case "relu":
		return reluF64
	case "softplus":
		return softplus
	case "leakyrelu":
		return func(v float64) float64 {
			if v < 0 {
				return alpha * v
			}
			return v
		}
	case "elu":
		return elu(alpha, 1, 1)
	case "affine":
		return func(v float64) float64 { return float64(alpha*v) + beta }
	case "hardsigmoid":
		return func(v float64) float64 { return clamped(float64(alpha*v)+beta, 0, 1) }
	case "scaledtanh":
		return func(v float64) float64 { return alpha * tanhF64(beta*v) }
	}
	return nil
}
