package kernels

// The two functions below are the passes of a resize along one axis: each result is a sum of few weighted elements, one FMA chain over
// t in ascending order, from +0.

// WeightedRowsF32 computes, for i < len(dst),
//
//	dst[i] = Σ over t < len(w) of w[t]·x[at[t] + i]
//
// Every at[t] + len(dst) ≤ len(x); it panics otherwise. dst must not overlap x.
func WeightedRowsF32(dst, x, w []float32, at []int64) {
	at = at[:len(w)]
	for _, from := range at {
		_ = x[from : int(from)+len(dst)]
	}
	for first := 0; first < len(dst); first += elementwiseBlock {
		end := min(first+elementwiseBlock, len(dst))
		weighted_rows_f32(dst[first:end], x[first:], w, at)
	}
}

// WeightedTapsF32 computes, for i < len(dst),
//
//	dst[i] = Σ over t < taps of w[t·len(dst) + i]·x[at[t·len(dst) + i]]
//
// Every position in at lies in x; that is not checked. dst must not overlap x.
func WeightedTapsF32(dst, x, w []float32, at []int32, taps int) {
	weighted_taps_f32(dst, x, w[:taps*len(dst)], at[:taps*len(dst)], taps)
}

func weighted_rows_f32_ref(dst, x, w []float32, at []int64) {
	clear(dst)
	for t, v := range w {
		row := x[at[t]:]
		for i := range dst {
			dst[i] = FMAF32(v, row[i], dst[i])
		}
	}
}

func weighted_taps_f32_ref(dst, x, w []float32, at []int32, taps int) {
	n := len(dst)
	clear(dst)
	for t := range taps {
		for i := range dst {
			dst[i] = FMAF32(w[t*n+i], x[at[t*n+i]], dst[i])
		}
	}
}
