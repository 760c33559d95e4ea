package train

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// network appends dense layers to the preprocessing: Gemm and Relu for every hidden size, a last Gemm for the logits.
// It returns the name of the logits. First weights are uniform: He (2015) before a Relu, Glorot (2010) at the end, drawn
// in the order of the layers; biases are zero.
func network(p *preprocess, hidden []int, outputs int, seed uint64) (logits string) {
	r := newRand(seed, streamWeights)
	v, in := p.value, p.width
	dense := func(layer string, out int, limit float64) string {
		w := make([]float32, in*out)
		for i := range w {
			// 53 bits in [-1, 1), times limit: one rounding to float64, then one to float32.
			w[i] = float32(float64(int64(r.Uint64()<<11>>11)-1<<52) * (limit * 0x1p-52))
		}
		weight := p.constant(layer+".weight", tensor.Of(w, in, out))
		bias := p.constant(layer+".bias", tensor.Of(make([]float32, out), out))
		return p.node(graph.DomainONNX, "Gemm", layer, nil, v, weight, bias)
	}
	for i, size := range hidden {
		layer := fmt.Sprintf("dense_%d", i)
		v = dense(layer, size, math.Sqrt(6/float64(in)))
		v = p.node(graph.DomainONNX, "Relu", layer+".relu", nil, v)
		in = size
	}
	limit := math.Sqrt(6 / float64(in+outputs))
	if len(hidden) == 0 {
		limit = 0 // a convex problem: the start does not matter, and zero has no seed in it
	}
	return dense("logits", outputs, limit)
}

// head appends the function that turns logits into scores.
func head(p *preprocess, logits string, t *target) {
	switch {
	case t.task == graph.Regression: // the logits are the values
	case t.outputs() == 1:
		p.node(graph.DomainONNX, "Sigmoid", "probability", nil, logits)
	default:
		p.node(graph.DomainONNX, "Softmax", "probabilities", map[string]graph.Attr{"axis": graph.Int(1)}, logits)
	}
	p.output(t.outputs())
}

// rescale changes the last layer to compute factor·z + shift.
func rescale(p *preprocess, factor, shift float32) {
	for _, n := range p.m.Graph.Nodes {
		if n.Name != "logits" || n.Op != "Gemm" {
			continue
		}
		w := tensor.Data[float32](p.m.Graph.Initializers[n.Inputs[1]])
		b := tensor.Data[float32](p.m.Graph.Initializers[n.Inputs[2]])
		for i := range w {
			w[i] *= factor
		}
		for i := range b {
			b[i] = float32(b[i]*factor) + shift
		}
	}
}
