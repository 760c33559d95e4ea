package kernels

// SoftmaxF32 computes, for each row of x [rows × cols], contiguous,
//
//	m = max(x[r]);  e[j] = e^(x[r][j] − m);  dst[r][j] = e[j]·(1/sum(e))
//
// with the exponential of ExpF32 and the sum of SumF32. A row with a NaN or +Inf, or of −Inf only, becomes all NaN. dst may be x; both
// hold at least rows·cols elements.
func SoftmaxF32(dst, x []float32, rows, cols int) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	var m, factors [softmaxRows]float32
	for rows > 0 {
		n := min(rows, max(1, min(softmaxBlock/max(cols, 1), softmaxRows)))
		for r := range n {
			m[r] = maxOf(x[r*cols:][:cols])
		}
		for r := range n {
			factors[r] = 1 / expSumOf(dst[r*cols:][:cols], x[r*cols:][:cols], m[r])
		}
		// The last block first: it is what the pass before left in the cache.
		for at := (cols - 1) / elementwiseBlock * elementwiseBlock; at >= 0; at -= elementwiseBlock {
			c := min(elementwiseBlock, cols-at)
			block := dst[at : (n-1)*cols+at+c]
			scale_rows_f32(block, block, factors[:n], n, c, cols, cols)
		}
		dst, x, rows = dst[n*cols:], x[n*cols:], rows-n
	}
}

// Rows go through the three steps together, up to softmaxRows of them with softmaxBlock elements in all, which stay in the first-level
// cache: the fold at the end of a row would else be waited for before the next step of that row. 128 rows of 384 take 0.89 of the time
// (Emerald Rapids; eight at a time 0.92).
const (
	softmaxRows  = 4
	softmaxBlock = 2048
)

// expSumOf computes dst[i] = e^(x[i]−m), m as of maxOf, and returns their sum in the order of SumF32.
func expSumOf(dst, x []float32, m float32) float32 {
	n := min(len(x), sumSegment)
	total := exp_sum_f32(dst[:n], x[:n], m)
	for at := n; at < len(x); at += sumSegment {
		end := min(at+sumSegment, len(x))
		total += exp_sum_f32(dst[at:end], x[at:end], m)
	}
	return total
}

// exp_sum_f32_ref computes dst[i] = e^(x[i]−sub) for x[i] ≤ sub or NaN, at most one segment of SumF32, and returns their sum in its order.
func exp_sum_f32_ref(dst, x []float32, sub float32) float32 {
	mapRef(dst, x, func(v float32) float32 { return expRef(v - sub) })
	return sum_f32_ref(dst[:len(x)])
}
