package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// softmaxGradient is the softmax over the last axis: dx = y·(dy - Σ y·dy) in every row.
type softmaxGradient struct {
	t []float32 // y·dy of one row
}

func softmaxGrad(n *graph.Node, _ *kernels.Pool) (Gradient, error) {
	axis, err := n.IntAttr("axis", -1)
	if err != nil {
		return nil, err
	}
	if axis != -1 && axis != 1 { // 1 is the last axis of the matrices that are trained on
		return nil, unsupported(n, "training through axis %d", axis)
	}
	return &softmaxGradient{}, nil
}

func (g *softmaxGradient) Forward(in []*tensor.Tensor, out *tensor.Tensor) {
	rows, cols := rowsAndCols(out)
	kernels.SoftmaxF32(tensor.Data[float32](out), tensor.Data[float32](in[0]), rows, cols)
}

func (g *softmaxGradient) Backward(_ []*tensor.Tensor, out, dOut *tensor.Tensor, dIn []*tensor.Tensor) {
	if dIn[0] == nil {
		return
	}
	y, dy, dx := tensor.Data[float32](out), tensor.Data[float32](dOut), tensor.Data[float32](dIn[0])
	_, cols := rowsAndCols(out)
	if cap(g.t) < cols {
		g.t = make([]float32, cols)
	}
	t := g.t[:cols]
	for at := 0; at < len(y); at += cols {
		for j := range t {
			t[j] = y[at+j] * dy[at+j]
		}
		dot := kernels.SumF32(t)
		for j := range t {
			dx[at+j] = float32(y[at+j] * (dy[at+j] - dot))
		}
	}
}

// rowsAndCols sees a tensor as a matrix whose rows run along the last axis.
func rowsAndCols(t *tensor.Tensor) (rows, cols int) {
	cols = t.Shape[len(t.Shape)-1]
	if cols == 0 {
		return 0, 0
	}
	return t.Len() / cols, cols
}
