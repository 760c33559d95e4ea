package kernels

import (
	"fmt"
	"sync"
)

// HeadStrides says where the rows of a head lie: row r of head h of batch element b starts at b·Batch + h·Head + r·Row. So
// [batch, heads, rows, dim] and [batch, rows, heads·dim] are both read in place.
type HeadStrides struct{ Batch, Head, Row int }

func (s HeadStrides) at(b, h, r int) int { return b*s.Batch + h*s.Head + r*s.Row }

// Attention is the geometry of AttentionF32.
type Attention struct {
	Batch, Heads, KVHeads int // KVHeads divides Heads; query head h uses key and value head h·KVHeads/Heads
	Rows, Keys            int // queries and keys of a head
	Dim, ValueDim         int // elements of a query and key, of a value
	Q, K, V, Out          HeadStrides
	Scale                 float32
	Softcap               float32 // 0: none
	// Query r stands at position p = Offset + r, or Lengths[b] − Rows + r with FromEnd. It sees keys p−Left … p+Right; a bound of −1 is
	// none, Right = 0 is causal.
	Offset, Left, Right int
	FromEnd             bool
	Lengths             []int64 // keys of each batch element, 0 … Keys; nil: all of them
	// Mask is added to the scores, or Allowed (nonzero: seen) selects among them; at most one is given. The entry of head h, row r and key
	// k of batch element b is at b·MaskStride[0] + h·MaskStride[1] + r·MaskStride[2] + k·MaskStride[3], whose last is 0 or 1. Keys from
	// MaskKeys on are not seen.
	Mask       []float32
	Allowed    []uint8
	MaskStride [4]int
	MaskKeys   int
}

const (
	// scoreElements bounds the scores of a block of rows to 512 KiB, so that they stay in a second-level cache of 1 MiB and more between
	// their product, the softmax and the product with the values.
	scoreElements = 128 << 10
	// Between 28 rows, two tiles of AVX-512, and 128, all of a short sentence.
	minScoreRows, maxScoreRows = 28, 128
	// scorePad elements between rows of scores spread them over the sets of the cache.
	scorePad = 16
)

// AttentionF32 computes softmax(q·kᵀ)·v (Vaswani et al., 2017) for every head, row by row:
//
//	s[j] = Σ_d (q[d]·scale)·k[j][d]                   one chain per segment of 256 d
//	s[j] = softcap·tanh(s[j]/softcap)                 if softcap ≠ 0
//	s[j] = s[j] + mask[j], or −Inf where !allowed[j]
//	e[j] = e^(s[j] − max s)                           ExpF32, over the keys the row sees
//	y    = (Σ_j e[j]·v[j]) · (1/Σ_j e[j]) + 0
//
// The sum of e is striped by the key's index as in SumF32 and the sum of e·v has segments of 256 at multiples of 256 of it; keys a row
// does not see by position or length take no part. So a row has the same bits in a prompt and alone, behind any number of unseen keys,
// on any number of threads. A key that the mask hides has weight 0, so only there a value that is not finite gives NaN. A row that sees no
// key, or whose scores are all −Inf, is 0. The largest score is exact: nothing is rescaled.
//
// out overlaps nothing else. scratch holds a.Scratch(pool.Threads()) elements. pool may be nil.
func AttentionF32(pool *Pool, out, q, k, v []float32, a *Attention, scratch []float32) {
	if a.Batch == 0 || a.Heads == 0 || a.Rows == 0 || a.ValueDim == 0 {
		return
	}
	if a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 {
		panic(fmt.Sprintf("kernels: attention with %d heads over %d", a.Heads, a.KVHeads))
	}
	t := attentions.Get().(*attention)
	t.Attention, t.out, t.q, t.k, t.v = *a, out, q, k, v
	t.attentionSizes = a.sizes()
	t.softcap[0] = a.Softcap
	n := min(pool.Threads(), maxSlots)
	t.shared, t.slots = scratch[:t.sharedElements()], scratch[t.sharedElements():][:n*t.slotElements()]
	chunks := a.Batch * a.KVHeads * t.blocks
	if !pool.worthwhile(a.Batch*a.Heads*a.Rows, a.Keys, a.Dim+a.ValueDim, gemmF32Rate) {
		pool = nil
	}
	if t.blocks > 1 {
		t.packing = true
		pool.Run(a.Batch*a.KVHeads*t.keyBlocks, t)
		t.packing = false
	}
	pool.Run(chunks, t)
	*t = attention{}
	attentions.Put(t)
}

// Scratch is the number of elements AttentionF32 needs on this many threads: the scores of a block of rows per thread, and packed keys and
// values where several blocks share them.
func (a *Attention) Scratch(threads int) int {
	s := a.sizes()
	t := attention{Attention: *a, attentionSizes: s}
	return t.sharedElements() + min(threads, maxSlots)*t.slotElements()
}

// attentionSizes cut the rows of a key-value head, those of all its query heads together, into blocks.
type attentionSizes struct {
	group     int // query heads of a key-value head
	rows      int // of a block
	blocks    int
	keyBlocks int // of 256
	span      int // scores of a row that are kept, a multiple of 256 or all
}

func (a *Attention) sizes() attentionSizes {
	s := attentionSizes{group: a.Heads / max(1, a.KVHeads)}
	s.keyBlocks = (a.Keys + kSegment - 1) / kSegment
	s.span = roundUp(a.Keys, panelCols)
	if a.Left >= 0 && a.Right >= 0 { // a block sees its window, from a multiple of 256 on
		s.span = min(s.span, roundUp(maxScoreRows+a.Left+a.Right+kSegment, panelCols))
	}
	total := a.Rows * s.group
	limit := min(max(scoreElements/max(1, s.span), minScoreRows), maxScoreRows)
	s.blocks = (total + limit - 1) / limit
	s.rows = (total + max(1, s.blocks) - 1) / max(1, s.blocks)
	return s
}

// attention is one call of AttentionF32.
type attention struct {
	Attention
	attentionSizes
	out, q, k, v []float32
	shared       []float32 // packed keys and values of every head, when several blocks of rows use them
	slots        []float32 // memory of the chunks in flight
	taken        slots
	packing      bool
	softcap      [1]float32 // Softcap as an operand
}

var attentions = sync.Pool{New: func() any { return new(attention) }}

func (t *attention) keyBlock() int   { return kSegment * t.Dim }
func (t *attention) valueBlock() int { return kSegment * roundUp(t.ValueDim, panelCols) }

func (t *attention) sharedElements() int {
	if t.blocks < 2 {
		return 0
	}
	return t.Batch * t.KVHeads * t.keyBlocks * (t.keyBlock() + t.valueBlock())
}

// slotElements is what a chunk needs: queries, scores, results, sums, and packed blocks of its own.
func (t *attention) slotElements() int {
	n := t.rows * (t.Dim + t.span + scorePad + t.ValueDim + 1)
	if t.blocks < 2 {
		n += t.keyBlock() + t.valueBlock()
	}
	return n
}

// Chunk packs a block of keys and values, or computes a block of rows.
func (t *attention) Chunk(i int) {
	if t.packing {
		head, block := i/t.keyBlocks, i%t.keyBlocks
		b, h := head/t.KVHeads, head%t.KVHeads
		if from := block * kSegment; from < t.length(b) {
			keys, values := t.sharedBlock(b, h, block)
			t.packKeys(keys, b, h, from, min(from+kSegment, t.length(b)))
			t.packValues(values, b, h, from, min(from+kSegment, t.length(b)))
		}
		return
	}
	slot := t.taken.take()
	head, block := i/t.blocks, i%t.blocks
	n := t.slotElements()
	r := attentionBlock{attention: t, b: head / t.KVHeads, h: head % t.KVHeads, first: block * t.rows}
	r.m = min(t.rows, t.Rows*t.group-r.first)
	r.run(t.slots[slot*n : (slot+1)*n])
	t.taken.give(slot)
}

// length is the number of keys of batch element b.
func (t *attention) length(b int) int {
	n := t.Keys
	if t.Lengths != nil {
		n = int(t.Lengths[b])
	}
	if t.Mask != nil || t.Allowed != nil {
		n = min(n, t.MaskKeys)
	}
	return n
}

// visible returns the keys that row r of batch element b sees by position and length.
func (t *attention) visible(b, r int) (lo, hi int) {
	p := t.Offset + r
	if t.FromEnd {
		p = int(t.Lengths[b]) - t.Rows + r
	}
	hi = t.length(b)
	if t.Left >= 0 {
		lo = max(0, p-t.Left)
	}
	if t.Right >= 0 {
		hi = min(hi, p+t.Right+1)
	}
	if lo >= hi {
		return 0, 0
	}
	return lo, hi
}

func (t *attention) sharedBlock(b, h, block int) (keys, values []float32) {
	nk, nv := t.keyBlock(), t.valueBlock()
	at := t.shared[((b*t.KVHeads+h)*t.keyBlocks+block)*(nk+nv):]
	return at[:nk], at[nk : nk+nv]
}

// packKeys writes keys from…to of a head as panels of 16 keys: [segment of 256 d][panel][d][16], as PackF32 would pack kᵀ.
func (t *attention) packKeys(dst []float32, b, h, from, to int) {
	for d0 := 0; d0 < t.Dim; d0 += kSegment {
		dc := min(kSegment, t.Dim-d0)
		for j := from; j < to; j += panelCols {
			n := min(panelCols, to-j)
			panel := dst[:dc*panelCols]
			dst = dst[dc*panelCols:]
			if n < panelCols {
				clear(panel)
			}
			TransposeF32(panel, t.k[t.K.at(b, h, j)+d0:], n, dc, panelCols, t.K.Row)
		}
	}
}

// packValues writes values from…to of a head as panels of 16 elements: [panel][key][16]. It reads rows from end to end, which memory
// delivers faster than a column of 16 at a time.
func (t *attention) packValues(dst []float32, b, h, from, to int) {
	n, whole := to-from, t.ValueDim/panelCols
	for j := range n {
		row := t.v[t.V.at(b, h, from+j):][:t.ValueDim]
		for p := range whole {
			copyPanelRow((*[panelCols]float32)(dst[(p*n+j)*panelCols:]), (*[panelCols]float32)(row[p*panelCols:]))
		}
		if rest := row[whole*panelCols:]; len(rest) > 0 {
			last := dst[(whole*n+j)*panelCols:][:panelCols]
			clear(last[copy(last, rest):])
		}
	}
}

// copyPanelRow copies through a local, for which the compiler emits vector moves; it calls memmove where the two might overlap.
func copyPanelRow(dst, src *[panelCols]float32) {
	row := *src
	*dst = row
}
