package kernels

import "math"

// LogSoftmaxF32 computes, for each row of x [rows × cols], contiguous,
//
//	m = max(x[r]);  dst[r][j] = (x[r][j] − m) − ln Σ e^(x[r][j] − m)
//
// with the functions and the order of SoftmaxF32. A row with a NaN or +Inf, or of −Inf only, becomes all NaN. dst may be x. scratch
// holds cols elements.
func LogSoftmaxF32(dst, x []float32, rows, cols int, scratch []float32) {
	for r := range rows {
		in, e := x[r*cols:(r+1)*cols], scratch[:cols]
		m := maxOf(in)
		AffineF32(dst[r*cols:(r+1)*cols], in, m, 1, -logRef(expSumOf(e, in, m)))
	}
}

// SoftmaxAxisF32 computes the softmax, or its logarithm, along the middle axis of x [outer × n × inner], inner > 1, contiguous: the
// formulas of SoftmaxF32 and LogSoftmaxF32, with the sum in the order of ReduceF32. dst may be x. scratch holds SoftmaxScratch(inner)
// elements.
func SoftmaxAxisF32(dst, x []float32, outer, n, inner int, logarithm bool, scratch []float32) {
	for o := range outer {
		for c := 0; c < inner; c += reduceColumns {
			s := softmaxColumns{n: n, stride: inner, width: min(reduceColumns, inner-c), log: logarithm}
			s.run(dst[o*n*inner+c:], x[o*n*inner+c:], scratch)
		}
	}
}

// SoftmaxScratch is the number of elements SoftmaxAxisF32 needs beside its operands.
func SoftmaxScratch(inner int) int { return 4 * min(inner, reduceColumns) }

// softmaxColumns is n rows of width elements, stride apart.
type softmaxColumns struct {
	n, stride, width int
	log              bool
}

func (s *softmaxColumns) run(dst, x, scratch []float32) {
	w := s.width
	m, sum, chain, e := scratch[:w], scratch[w:2*w], scratch[2*w:3*w], scratch[3*w:4*w]
	row := func(v []float32, k int) []float32 { return v[k*s.stride : k*s.stride+w] }
	for i := range m {
		m[i] = float32(math.Inf(-1))
	}
	for k := range s.n {
		maximum_f32(m, m, row(x, k))
	}
	for k := range s.n {
		if k%sumSegment == 0 {
			clear(chain)
		}
		d := row(dst, k)
		sub_f32(d, row(x, k), m)
		if !s.log {
			e = d
		}
		exp_f32(e, d)
		add_f32(chain, chain, e)
		switch {
		case k+1 == min(s.n, sumSegment):
			copy(sum, chain)
		case k+1 == s.n || (k+1)%sumSegment == 0:
			add_f32(sum, sum, chain)
		}
	}
	if s.log {
		log_f32(sum, sum)
	} else {
		reciprocal_f32(sum, sum)
	}
	for k := range s.n {
		if d := row(dst, k); s.log {
			sub_f32(d, d, sum)
		} else {
			mul_f32(d, d, sum)
		}
	}
}
