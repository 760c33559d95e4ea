package kernels

import "math"

// attentionBlock is m rows of a key-value head from row first on, where row i of the head is query i/group of query head i%group.
type attentionBlock struct {
	*attention
	b, h, first, m int
	lo, hi         int       // keys the block sees, lo a multiple of 256
	from, to       int       // keys whose scores Mask changes
	ld             int       // elements between rows of scores
	s, y, factors  []float32 // scores, weighed values, 1/sums
	keys, values   []float32 // packed block, if not shared
}

func (t *attentionBlock) row(i int) (head, r int) {
	if t.group == 1 { // spare the division
		return t.h, t.first + i
	}
	return t.h*t.group + (t.first+i)%t.group, (t.first + i) / t.group
}

func (t *attentionBlock) run(slot []float32) {
	t.lo, t.hi = math.MaxInt, 0
	for i := range t.m {
		_, r := t.row(i)
		if lo, hi := t.visible(t.b, r); hi > 0 {
			t.lo, t.hi = min(t.lo, lo), max(t.hi, hi)
		}
	}
	t.lo = min(t.lo, t.hi) / kSegment * kSegment
	t.from, t.to = t.masked()
	t.ld = t.span + scorePad
	cut := func(n int) (part []float32) {
		part, slot = slot[:n], slot[n:]
		return part
	}
	q := cut(t.m * t.Dim)
	t.s, t.y, t.factors = cut(t.m*t.ld), cut(t.m*t.ValueDim), cut(t.m)
	if t.blocks < 2 {
		t.keys, t.values = cut(t.keyBlock()), cut(t.valueBlock())
	}
	if t.group == 1 && t.Q.Row == t.Dim {
		AffineF32(q, t.q[t.Q.at(t.b, t.h, t.first):][:len(q)], 0, t.Scale, 0)
	} else {
		for i := range t.m {
			head, r := t.row(i)
			AffineF32(q[i*t.Dim:], t.q[t.Q.at(t.b, head, r):][:t.Dim], 0, t.Scale, 0)
		}
	}
	for from := t.lo; from < t.hi; from += kSegment {
		t.scores(q, from, min(from+kSegment, t.hi))
	}
	t.softmax()
	for from := t.lo; from < t.hi; from += kSegment {
		to := min(from+kSegment, t.hi)
		flags := gemmAdd
		if from == t.lo {
			flags = 0
		}
		t.weigh(t.y, 0, t.m, from, from, to, flags)
	}
	t.finish()
}

// scores computes q·kᵀ for keys from…to.
func (t *attentionBlock) scores(q []float32, from, to int) {
	keys, n := t.keys, to-from
	packed := roundUp(n, panelCols)
	if t.blocks > 1 {
		keys, _ = t.sharedBlock(t.b, t.h, from/kSegment)
		packed = roundUp(min(kSegment, t.length(t.b)-from), panelCols)
	} else {
		t.packKeys(keys, t.b, t.h, from, to)
	}
	c := t.s[from-t.lo:]
	c = c[:(t.m-1)*t.ld+n]
	flags := 0
	for d0 := 0; d0 == 0 || d0 < t.Dim; d0 += kSegment {
		dc := min(kSegment, t.Dim-d0)
		gemm_f32(q[d0:(t.m-1)*t.Dim+d0+dc], keys[d0*packed:][:roundUp(n, panelCols)*dc], c, nil, t.Dim, t.ld, t.m, n, dc, flags)
		flags = gemmAdd
	}
}

// masked returns the keys whose scores Mask changes. Where one row of it serves all, as for padding, 0 at its ends counts for nothing: a
// score that is −0 and stays so has the same e^(s − max s).
func (t *attentionBlock) masked() (from, to int) {
	if t.Mask == nil {
		return 0, 0
	}
	from, to = t.lo, t.hi
	if t.MaskStride[2] != 0 || t.MaskStride[3] != 1 || t.MaskStride[1] != 0 && t.group > 1 {
		return from, to
	}
	row := t.Mask[t.b*t.MaskStride[0]+t.h*t.MaskStride[1]:]
	for from < to && row[from] == 0 {
		from++
	}
	for from < to && row[to-1] == 0 {
		to--
	}
	return from, to
}

// softmax turns scores into e^(s − max), 0 for keys a row does not see, and sets factors to 1/Σ: NaN if a score is, 0 if none counts.
func (t *attentionBlock) softmax() {
	n := t.hi - t.lo
	for i := range t.m {
		if t.Softcap != 0 || t.from < t.to || t.Allowed != nil || !t.whole(i) {
			t.hide(i, t.s[i*t.ld:][:n])
		}
	}
	if t.lo/sumSegment == (t.hi-1)/sumSegment {
		softmax_rows_f32(t.s[:(t.m-1)*t.ld+n], t.factors, t.m, n, t.ld)
	} else {
		for i := range t.m {
			t.factors[i] = expSumLong(t.s[i*t.ld:][:n], t.lo)
		}
	}
	for i, sum := range t.factors {
		if sum != 0 {
			t.factors[i] = 1 / sum
		}
	}
}

// expSumLong is softmax_rows_f32 for a row of more than a segment, which starts at key first.
func expSumLong(x []float32, first int) (sum float32) {
	m := max(max_f32(x), -math.MaxFloat32)
	for len(x) > 0 {
		n := min(sumSegment-first%sumSegment, len(x))
		sum += exp_sum_f32(x[:n], x[:n], m)
		first += n
		x = x[n:]
	}
	return sum
}

// whole reports whether row i sees all keys of the block.
func (t *attentionBlock) whole(i int) bool {
	if t.Left < 0 && t.Right < 0 {
		return true
	}
	_, r := t.row(i)
	lo, hi := t.visible(t.b, r)
	return lo == t.lo && hi == t.hi
}

// hide applies softcap and mask to the scores of row i, and makes those of keys it does not see −Inf.
func (t *attentionBlock) hide(i int, all []float32) {
	head, r := t.row(i)
	lo, hi := t.visible(t.b, r)
	if hi == 0 {
		lo, hi = t.lo, t.lo
	}
	seen := all[lo-t.lo : hi-t.lo]
	if t.Softcap != 0 {
		DivF32(seen, seen, t.softcap[:])
		TanhF32(seen, seen)
		AffineF32(seen, seen, 0, t.Softcap, 0)
	}
	if (t.from < t.to || t.Allowed != nil) && len(seen) > 0 {
		t.mask(seen, head, r, lo)
	}
	setAll(all[:lo-t.lo], negInf)
	setAll(all[hi-t.lo:], negInf)
}

var negInf = float32(math.Inf(-1))

// mask applies the mask to the scores of a row from key lo on.
func (t *attentionBlock) mask(seen []float32, head, r, lo int) {
	at := t.b*t.MaskStride[0] + head*t.MaskStride[1] + r*t.MaskStride[2] + lo*t.MaskStride[3]
	n := len(seen)
	if t.MaskStride[3] == 0 {
		n = 1
	}
	switch {
	case t.Mask != nil && n == 1:
		AddF32(seen, seen, t.Mask[at:at+1])
		return
	case t.Mask != nil:
		from := min(max(0, t.from-lo), n)
		to := max(from, min(t.to-lo, n))
		AddF32(seen[from:to], seen[from:to], t.Mask[at+from:at+to])
		return
	}
	if n == 1 {
		if t.Allowed[at] == 0 {
			setAll(seen, negInf)
		}
		return
	}
	for j, a := range t.Allowed[at : at+n] {
		if a == 0 {
			seen[j] = negInf
		}
	}
}

// weigh sets y to, or by the flag adds, the product of rows i…i+m of e with the values of keys k0…to of the segment that begins at from.
func (t *attentionBlock) weigh(y []float32, i, m, from, k0, to, flags int) {
	values, packed := t.values, to-from
	if t.blocks > 1 {
		_, values = t.sharedBlock(t.b, t.h, from/kSegment)
		packed = min(kSegment, t.length(t.b)-from)
	} else {
		t.packValues(values, t.b, t.h, from, to)
	}
	e := t.s[i*t.ld+k0-t.lo:][:(m-1)*t.ld+to-k0]
	if packed == to-k0 {
		gemm_f32(e, values[:roundUp(t.ValueDim, panelCols)*packed], y, nil, t.ld, t.ValueDim, m, t.ValueDim, packed, flags)
		return
	}
	for d := 0; d < t.ValueDim; d += panelCols { // a part of the packed segment: panels lie apart
		n := min(panelCols, t.ValueDim-d)
		panel := values[d*packed+(k0-from)*panelCols:][:(to-k0)*panelCols]
		gemm_f32(e, panel, y[d:(m-1)*t.ValueDim+d+n], nil, t.ld, t.ValueDim, m, n, to-k0, flags)
	}
}

// finish scales the rows to their places in out. Where the block went through keys that a row does not see, their weight 0 made NaN of a
// value that is none or infinite: such a row is done again without them.
func (t *attentionBlock) finish() {
	for i := range t.m {
		if t.whole(i) {
			continue
		}
		if y := t.y[i*t.ValueDim:][:t.ValueDim]; t.factors[i] != 0 && !(AmaxF32(y) < -negInf) {
			_, r := t.row(i)
			lo, hi := t.visible(t.b, r)
			clear(y)
			for from := lo / kSegment * kSegment; from < hi; from += kSegment {
				t.weigh(y, i, 1, from, max(from, lo), min(from+kSegment, hi), gemmAdd)
			}
		}
	}
	for i := 0; i < t.m; { // rows of one query, or of one head, lie at equal distances
		n, ld := t.m, t.Out.Row
		if t.group > 1 {
			n, ld = min(t.group-(t.first+i)%t.group, t.m-i), t.Out.Head
		}
		head, r := t.row(i)
		out := t.out[t.Out.at(t.b, head, r):][:(n-1)*ld+t.ValueDim]
		scale_rows_f32(out, t.y[i*t.ValueDim:(i+n)*t.ValueDim], t.factors[i:i+n], n, t.ValueDim, ld, t.ValueDim)
		for j, f := range t.factors[i : i+n] {
			if f == 0 {
				clear(out[j*ld:][:t.ValueDim])
			}
		}
		i += n
	}
}

// softmax_rows_f32_ref replaces each row x[r·ld …] of cols elements by e^(x − m), m its largest element but at least −MaxFloat32, and sets
// sums[r] to their sum in the order of sum_f32. So a row of −Inf only becomes 0, one with a NaN NaN.
func softmax_rows_f32_ref(x, sums []float32, rows, cols, ld int) {
	for r := range rows {
		row := x[r*ld:][:cols]
		sums[r] = exp_sum_f32_ref(row, row, max(max_f32_ref(row), -math.MaxFloat32))
	}
}

// scale_rows_f32_ref computes dst[r·ldd+c] = x[r·ldx+c]·factors[r] + 0, one FMA.
func scale_rows_f32_ref(dst, x, factors []float32, rows, cols, ldd, ldx int) {
	for r := range rows {
		for c, v := range x[r*ldx:][:cols] {
			dst[r*ldd+c] = FMAF32(v, factors[r], 0)
		}
	}
}
