package kernels

// RotaryF32 rotates pairs of x by position (Su et al., "RoFormer", 2021): with n = len(cos), for i < n
//
//	dst[i]   = x[i]·cos[i] − (x[n+i]·sin[i])
//	dst[n+i] = x[n+i]·cos[i] + (x[i]·sin[i])
//
// each as one FMA of a product and a rounded product. len(sin) = n; x and dst hold 2n elements; dst may be x.
func RotaryF32(dst, x, cos, sin []float32) {
	n := len(cos)
	rotary_f32(dst[:2*n], x[:2*n], cos, sin[:n])
}

// RotaryPairsF32 is RotaryF32 for interleaved pairs (x[2i], x[2i+1]), with tables made by RotaryTables: dst[i] = x[i]·cos[i] +
// (x[i^1]·sin[i]). The results are the same numbers. len(cos) is even; dst may be x.
func RotaryPairsF32(dst, x, cos, sin []float32) {
	n := len(cos)
	rotary_pairs_f32(dst[:n], x[:n], cos, sin[:n])
}

// RotaryTables spreads cos and sin, n entries each, to 2n for RotaryPairsF32: every entry twice, sin negated for the first of a pair.
func RotaryTables(cos2, sin2, cos, sin []float32) {
	for i, c := range cos {
		cos2[2*i], cos2[2*i+1] = c, c
		sin2[2*i], sin2[2*i+1] = -sin[i], sin[i]
	}
}

// BlendF32 computes dst[i] = a[i]·b[i] + (c[i]·d[i]), the sum as one FMA, for i < len(dst): the state of a recurrent cell out of the old one
// and the new. dst may be any of the others, which are as long.
func BlendF32(dst, a, b, c, d []float32) {
	n := len(dst)
	blend_f32(dst, a[:n], b[:n], c[:n], d[:n])
}

func rotary_f32_ref(dst, x, cos, sin []float32) {
	n := len(cos)
	for i := range n {
		a, b := x[i], x[n+i]
		dst[i], dst[n+i] = FMAF32(a, cos[i], -(b*sin[i])), FMAF32(b, cos[i], a*sin[i])
	}
}

func rotary_pairs_f32_ref(dst, x, cos, sin []float32) {
	for i := 0; i < len(cos); i += 2 {
		a, b := x[i], x[i+1]
		dst[i], dst[i+1] = FMAF32(a, cos[i], b*sin[i]), FMAF32(b, cos[i+1], a*sin[i+1])
	}
}

func blend_f32_ref(dst, a, b, c, d []float32) {
	for i := range dst {
		dst[i] = FMAF32(a[i], b[i], c[i]*d[i])
	}
}
