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
		expSub(out, in, maxOf(in))
		total := SumF32(out)
		for len(out) > elementwiseBlock {
			div_scalar_f32(out[:elementwiseBlock], out[:elementwiseBlock], total)
			out = out[elementwiseBlock:]
		}
		div_scalar_f32(out, out, total)
	}
}

func div_scalar_f32_ref(dst, x []float32, by float32) {
	for i, v := range x {
		dst[i] = v / by
	}
}
