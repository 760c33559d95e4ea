package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// attentionFloat64 is Attention of float64, query by query; keys that a query does not see take no part.
type attentionFloat64 struct{ *attentionKernel }

func buildAttentionFloat64(n *graph.Node, in []graph.Arg) (graph.Kernel, error) {
	k, err := readAttention(n, in)
	return attentionFloat64{k}, err
}

// ScratchBytes implements graph.ScratchKernel.
func (k attentionFloat64) ScratchBytes(args []graph.Arg) int {
	s, _ := k.shapes(args[attnQ].Shape, args[attnK].Shape, args[attnV].Shape, shapeOf(args, attnPastK), shapeOf(args, attnMask))
	keys, values := k.caches(&s)
	return 8 * (keys + values + 2*s.Keys)
}

// Run implements graph.Kernel.
func (k attentionFloat64) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, err := k.start(in)
	if err != nil {
		return err
	}
	a := &s.Attention
	memory := words[float64](scratch)
	keys, values, mask := tensor.Data[float64](in[attnK]), tensor.Data[float64](in[attnV]), []float64(nil)
	if k.hasMask && !k.boolMask {
		mask = tensor.Data[float64](in[attnMask])
	}
	if k.cached() {
		nk, nv := k.caches(&s)
		allK, allV := memory[:nk], memory[nk:nk+nv]
		memory = memory[nk+nv:]
		if k.presentKeys {
			allK = tensor.Data[float64](out[1])
		}
		if k.presentVs {
			allV = tensor.Data[float64](out[2])
		}
		appendRows(allK, optionalData[float64](in, attnPastK), keys, &s.k, s.past)
		appendRows(allV, optionalData[float64](in, attnPastV), values, &s.v, s.past)
		keys, values = allK, allV
	}
	scale := float64(k.scale)
	if !k.hasScale {
		scale = 1 / math.Sqrt(float64(a.Dim))
	}
	q, y, kept := tensor.Data[float64](in[attnQ]), tensor.Data[float64](out[0]), optionalData[float64](out, 3)
	scores, row := memory[:a.Keys], memory[a.Keys:2*a.Keys]
	for i := range a.Batch * a.Heads * a.Rows {
		b, h, r := i/(a.Heads*a.Rows), i/a.Rows%a.Heads, i%a.Rows
		query := q[b*a.Q.Batch+h*a.Q.Head+r*a.Q.Row:][:a.Dim]
		kvHead := h * a.KVHeads / a.Heads
		for j := range scores {
			scores[j] = scale * dotF64(query, keys[b*a.K.Batch+kvHead*a.K.Head+j*a.K.Row:])
		}
		copy(row, scores)
		if a.Softcap != 0 {
			for j, v := range row {
				row[j] = float64(a.Softcap) * tanhF64(v/float64(a.Softcap))
			}
		}
		if k.scoresMode == scoresCapped {
			copy(scores, row)
		}
		seen := maskRow(row, mask, a, b, h, r)
		if k.scoresMode == scoresMasked {
			copy(scores, row)
		}
		shares(row, seen)
		if k.scoresMode == scoresShares {
			copy(scores, row)
		}
		if kept != nil {
			copy(kept[i*a.Keys:], scores)
		}
		to := y[b*a.Out.Batch+h*a.Out.Head+r*a.Out.Row:][:a.ValueDim]
		clear(to)
		for j, w := range row {
			if w == 0 {
				continue
			}
			for d, v := range values[b*a.V.Batch+kvHead*a.V.Head+j*a.V.Row:][:a.ValueDim] {
				to[d] += float64(w * v)
			}
		}
	}
	return nil
}

// shares is Softmax of the scores of one query, 0 where it sees no key.
func shares(row []float64, seen bool) {
	if !seen {
		clear(row)
		return
	}
	largest, sum := math.Inf(-1), 0.0
	for _, v := range row {
		if v > largest || v != v {
			largest = v
		}
	}
	for j, v := range row {
		row[j] = expF64(v - largest)
		sum += row[j]
	}
	for j := range row {
		row[j] /= sum
	}
}

// dotF64 is Σ a[i]·b[i] over a.
func dotF64(a, b []float64) (s float64) {
	for i, v := range a {
		s += float64(v * b[i])
	}
	return s
}
