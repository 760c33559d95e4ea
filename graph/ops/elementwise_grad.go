package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// unaryGradient is y = f(x), element by element, with a derivative written in terms of the result y.
type unaryGradient struct {
	forward func(y, x []float32)
	// backward computes dx[i] = f'(x[i])·dy[i].
	backward func(dx, y, dy []float32)
}

func (g unaryGradient) Forward(in []*tensor.Tensor, out *tensor.Tensor) {
	g.forward(tensor.Data[float32](out), tensor.Data[float32](in[0]))
}

func (g unaryGradient) Backward(_ []*tensor.Tensor, out, dOut *tensor.Tensor, dIn []*tensor.Tensor) {
	if dIn[0] != nil {
		g.backward(tensor.Data[float32](dIn[0]), tensor.Data[float32](out), tensor.Data[float32](dOut))
	}
}

func reluGrad(*graph.Node, *kernels.Pool) (Gradient, error) {
	return unaryGradient{kernels.ReluF32, func(dx, y, dy []float32) {
		dx, dy = dx[:len(y)], dy[:len(y)]
		for i, v := range y {
			// y is not negative, so all ones where its bits are not zero: no branch, which would be a coin toss.
			positive := uint32(-int32(math.Float32bits(v)&^(1<<31)) >> 31)
			dx[i] = math.Float32frombits(math.Float32bits(dy[i]) & positive)
		}
	}}, nil
}

func sigmoidGrad(*graph.Node, *kernels.Pool) (Gradient, error) {
	return unaryGradient{kernels.SigmoidF32, func(dx, y, dy []float32) {
		for i, v := range y {
			dx[i] = float32(float32(v*(1-v)) * dy[i])
		}
	}}, nil
}

func tanhGrad(*graph.Node, *kernels.Pool) (Gradient, error) {
	return unaryGradient{kernels.TanhF32, func(dx, y, dy []float32) {
		for i, v := range y {
			dx[i] = float32((1 - float32(v*v)) * dy[i])
		}
	}}, nil
}
