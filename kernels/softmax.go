package kernels

// SoftmaxF32 computes, for each row of x [rows × cols], contiguous,
//
//	m = max(x[r]);  e[j] = e^(x[r][j] − m);  dst[r][j] = e[j] / sum(e)
//
// with the exponential of ExpF32, the sum of SumF32 and a true division. A row with a NaN or +Inf, or of −Inf only, becomes all
// NaN. dst may be x; both hold at least rows·cols elements.
func SoftmaxF32(dst, x []float32, rows, cols int) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	for r := range rows {
		in, out := x[r*cols:(r+1)*cols], dst[r*cols:(r+1)*cols]
		m := maxOf(in)
		total := exp_sum_f32(out[:min(cols, sumSegment)], in[:min(cols, sumSegment)], m)
		for at := sumSegment; at < cols; at += sumSegment {
			end := min(at+sumSegment, cols)
			total += exp_sum_f32(out[at:end], in[at:end], m)
		}
		for len(out) > elementwiseBlock {
			quotient_f32(out[:elementwiseBlock], out[:elementwiseBlock], total)
			out = out[elementwiseBlock:]
		}
		quotient_f32(out, out, total)
	}
}

// exp_sum_f32_ref computes dst[i] = e^(x[i]−sub) for x[i] ≤ sub or NaN, at most one segment of SumF32, and returns their sum in its order.
func exp_sum_f32_ref(dst, x []float32, sub float32) float32 {
	exp_f32_ref(dst, x, sub)
	return sum_f32_ref(dst[:len(x)])
}

// quotient_f32_ref computes dst[i] = x[i]/by for 0 ≤ x[i] ≤ 1 or NaN and by ≥ 1 or NaN.
func quotient_f32_ref(dst, x []float32, by float32) {
	for i, v := range x {
		dst[i] = v / by
	}
}
