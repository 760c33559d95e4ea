package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opLinearAttention keeps, for each batch entry and key head, a state S [d_k × d_v] instead of keys and values, and reads it with the
// queries of its group. One step per row, in this order:
//
//	gated:  S[i] *= exp(g[i])
//	delta:  v = beta·(v − Sᵀk), the product in the order of MatMul
//	always: S[i] += k[i]·v, with a rounded product; y = (Sᵀq)·scale
var opLinearAttention = viaFloat32(&Op{
	Name: "linear_attention", Type: "LinearAttention", Since: 27, MinInputs: 3,
	Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
		for i := range in {
			if present(in, i) && !rows[i] {
				return false
			}
		}
		return true
	},
	Infer: inferLinearAttention,
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		return readLinearAttention(n, in)
	},
})

// Inputs of LinearAttention.
const (
	linearQ = iota
	linearK
	linearV
	linearPast
	linearDecay
	linearBeta
)

type linearAttention struct {
	qHeads, kvHeads int
	scale           []float32 // one element
	gated, delta    bool
	hasPast         bool
}

func readLinearAttention(n *graph.Node, in []graph.Arg) (*linearAttention, error) {
	q, err := n.IntAttr("q_num_heads", 0)
	if err != nil {
		return nil, err
	}
	kv, err := n.IntAttr("kv_num_heads", 0)
	if err != nil {
		return nil, err
	}
	if kv < 1 || q < 1 || q > math.MaxInt32 || q%kv != 0 {
		return nil, modelErr(n, "%d heads of queries for %d of keys", q, kv)
	}
	k := &linearAttention{qHeads: int(q), kvHeads: int(kv), hasPast: present(in, linearPast)}
	rule, err := n.StringAttr("update_rule", "gated_delta")
	if err != nil {
		return nil, err
	}
	switch rule {
	case "linear":
	case "gated":
		k.gated = true
	case "delta":
		k.delta = true
	case "gated_delta":
		k.gated, k.delta = true, true
	default:
		return nil, modelErr(n, "attribute \"update_rule\" is %q", rule)
	}
	if k.gated != present(in, linearDecay) || k.delta != present(in, linearBeta) {
		return nil, modelErr(n, "update_rule %q, decay and beta do not go together like this", rule)
	}
	scale, err := n.FloatAttr("scale", 0)
	if dim := in[linearQ].Shape; scale == 0 && len(dim) == 3 {
		scale = float32(1 / math.Sqrt(float64(dim[2]/k.qHeads)))
	}
	k.scale = []float32{scale}
	return k, err
}

// dims returns batch, rows and the sizes of a key and a value.
func (k *linearAttention) dims(q, v []int) (batch, rows, dk, dv int) {
	return q[0], q[1], q[2] / k.qHeads, v[2] / k.kvHeads
}

func inferLinearAttention(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 3, 6); err != nil {
		return nil, err
	}
	for i := range in {
		if !present(in, i) {
			continue
		}
		if err := wantDType(n, in, i, tensor.Float32); err != nil {
			return nil, err
		}
		if rank := len(in[i].Shape); i != linearPast && rank != 3 {
			return nil, modelErr(n, "input %d has shape %v, expected rank 3", i, in[i].Shape)
		}
	}
	k, err := readLinearAttention(n, in)
	if err != nil {
		return nil, err
	}
	batch, rows, dk, dv := k.dims(in[linearQ].Shape, in[linearV].Shape)
	fits := func(i int, last ...int) bool {
		s := in[i].Shape
		return s[0] == batch && s[1] == rows && slices.Contains(last, s[2])
	}
	state := []int{batch, k.kvHeads, dk, dv}
	if !fits(linearQ, k.qHeads*dk) || !fits(linearK, k.kvHeads*dk) || !fits(linearV, k.kvHeads*dv) ||
		k.gated && !fits(linearDecay, k.kvHeads, k.kvHeads*dk) || k.delta && !fits(linearBeta, k.kvHeads, 1) ||
		k.hasPast && !slices.Equal(in[linearPast].Shape, state) {
		shapes := make([][]int, len(in))
		for i := range in {
			shapes[i] = in[i].Shape
		}
		return nil, modelErr(n, "shapes %v do not fit %d and %d heads", shapes, k.qHeads, k.kvHeads)
	}
	y := []int{batch, rows, k.qHeads * dv}
	for _, s := range [][]int{state, y} {
		if _, ok := tensor.Elements(s); !ok {
			return nil, modelErr(n, "a result of shape %v", s)
		}
	}
	return []graph.Arg{{DType: tensor.Float32, Shape: y}, {DType: tensor.Float32, Shape: state}}, nil
}

// ScratchBytes implements graph.ScratchKernel: the state where no output holds it, exp(g), and two rows of values.
func (k *linearAttention) ScratchBytes(args []graph.Arg) int {
	batch, _, dk, dv := k.dims(args[linearQ].Shape, args[linearV].Shape)
	return 4 * (batch*k.kvHeads*dk*dv + dk + 2*dv)
}

// Run implements graph.Kernel.
func (k *linearAttention) Run(in, out []*tensor.Tensor, scratch []byte) error {
	batch, rows, dk, dv := k.dims(in[linearQ].Shape, in[linearV].Shape)
	memory := floats(scratch)
	y, state := tensor.Data[float32](out[0]), memory[:batch*k.kvHeads*dk*dv]
	memory = memory[len(state):]
	if len(out) > 1 {
		state = tensor.Data[float32](out[1])
	}
	clear(state)
	if k.hasPast {
		copy(state, tensor.Data[float32](in[linearPast]))
	}
	if len(y) == 0 {
		return nil
	}
	for b := range batch {
		for h := range k.kvHeads {
			s := state[(b*k.kvHeads+h)*dk*dv:][:dk*dv]
			for t := range rows {
				k.step(in, y, s, b*rows+t, h, dk, dv, memory)
			}
		}
	}
	kernels.MulF32(y, y, k.scale)
	return nil
}

// step takes one row of one head.
func (k *linearAttention) step(in []*tensor.Tensor, y, s []float32, row, head, dk, dv int, memory []float32) {
	gate, v, product := memory[:dk], memory[dk:dk+dv], memory[dk+dv:dk+2*dv]
	at := row*k.kvHeads + head
	key := tensor.Data[float32](in[linearK])[at*dk:][:dk]
	copy(v, tensor.Data[float32](in[linearV])[at*dv:])
	if k.gated {
		decay := tensor.Data[float32](in[linearDecay])
		if per := in[linearDecay].Shape[2] / k.kvHeads; per == dk {
			kernels.ExpF32(gate, decay[at*dk:][:dk])
			for i := range dk {
				kernels.MulF32(s[i*dv:][:dv], s[i*dv:][:dv], gate[i:i+1])
			}
		} else {
			kernels.ExpF32(gate[:1], decay[at:at+1])
			kernels.MulF32(s, s, gate[:1])
		}
	}
	if k.delta {
		m := kernels.MatMul{M: 1, N: dv, K: dk, A: key, LDA: dk, B: s, LDB: dv, C: product, LDC: dv, Batch: 1}
		kernels.MatMulF32(nil, &m)
		beta := tensor.Data[float32](in[linearBeta])
		rate := beta[row : row+1]
		if in[linearBeta].Shape[2] > 1 {
			rate = beta[at : at+1]
		}
		kernels.SubF32(v, v, product)
		kernels.MulF32(v, v, rate)
	}
	for i := range dk {
		kernels.MulF32(product, v, key[i:i+1])
		kernels.AddF32(s[i*dv:][:dv], s[i*dv:][:dv], product)
	}
	group := k.qHeads / k.kvHeads
	first := row*k.qHeads + head*group
	m := kernels.MatMul{M: group, N: dv, K: dk, A: tensor.Data[float32](in[linearQ])[first*dk:], LDA: dk, B: s, LDB: dv,
		C: y[first*dv:], LDC: dv, Batch: 1}
	kernels.MatMulF32(nil, &m)
}
