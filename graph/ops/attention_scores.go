package ops

import (
	"math"

	"github.com/hotpath/hotpath/kernels"
)

// What the output qk_matmul_output of Attention holds.
const (
	scoresRaw    = iota // scale·Q·Kᵀ
	scoresCapped        // after softcap
	scoresMasked        // and the mask, −Inf where a query does not see a key
	scoresShares        // after Softmax; rows that see nothing are 0
	scoreModes
)

// writeScores computes the scores [batch, heads, rows, keys] as kernels.AttentionF32 does, which does not keep them. memory holds two
// factors and the rows of one head of queries.
func (k *attentionKernel) writeScores(dst, q, keys []float32, a *kernels.Attention, memory []float32) {
	scale, softcap, memory := memory[:1], memory[1:2], memory[2:]
	scale[0], softcap[0] = a.Scale, a.Softcap
	for i := range a.Batch * a.Heads {
		b, h := i/a.Heads, i%a.Heads
		for r := range a.Rows {
			at := b*a.Q.Batch + h*a.Q.Head + r*a.Q.Row
			kernels.MulF32(memory[r*a.Dim:(r+1)*a.Dim], q[at:at+a.Dim], scale)
		}
		head := dst[i*a.Rows*a.Keys : (i+1)*a.Rows*a.Keys]
		m := kernels.MatMul{M: a.Rows, N: a.Keys, K: a.Dim, A: memory, LDA: a.Dim, B: keys[b*a.K.Batch+h*a.KVHeads/a.Heads*a.K.Head:],
			LDB: a.K.Row, TransB: true, C: head, LDC: a.Keys, Batch: 1}
		kernels.MatMulF32(k.pool, &m)
		if k.scoresMode >= scoresCapped && a.Softcap != 0 {
			kernels.DivF32(head, head, softcap)
			kernels.TanhF32(head, head)
			kernels.MulF32(head, head, softcap)
		}
		if k.scoresMode < scoresMasked {
			continue
		}
		for r := range a.Rows {
			row := head[r*a.Keys : (r+1)*a.Keys]
			seen := maskRow(row, a.Mask, a, b, h, r)
			switch {
			case k.scoresMode == scoresMasked:
			case seen:
				kernels.SoftmaxF32(row, row, 1, len(row))
			default:
				clear(row)
			}
		}
	}
}

// maskRow applies mask, window and length to the scores of one query, and reports whether it sees a key.
func maskRow[T float32 | float64](row, mask []T, a *kernels.Attention, b, h, r int) (seen bool) {
	hidden := T(math.Inf(-1))
	length, position := a.Keys, a.Offset+r
	if a.Lengths != nil {
		length = int(a.Lengths[b])
	}
	if a.FromEnd {
		position = length - a.Rows + r
	}
	if mask != nil || a.Allowed != nil {
		length = min(length, a.MaskKeys)
	}
	at := b*a.MaskStride[0] + h*a.MaskStride[1] + r*a.MaskStride[2]
	for j := range row {
		switch entry := at + j*a.MaskStride[3]; {
		case j >= length || a.Left >= 0 && j < position-a.Left || a.Right >= 0 && j > position+a.Right || a.Allowed != nil && a.Allowed[entry] == 0:
			row[j] = hidden
		case mask != nil:
			row[j] += mask[entry]
		}
		seen = seen || row[j] != hidden
	}
	return seen
}
