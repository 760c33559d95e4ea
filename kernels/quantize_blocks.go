package kernels

import (
	"fmt"
	"math"
)

// QuantizeBlocksS8 quantises blocks of x to signed bytes with one scale each, symmetric around 0: for block b
//
//	top = max(2⁻¹⁰⁰, |x|…)    scale[b] = top / 127    dst[i] = roundeven(x[i] · (127 / top))
//
// A NaN in a block makes its scale NaN; bytes of NaN are −128. block is a positive multiple of 16 and divides len(x); len(dst) ≥ len(x),
// len(scale) ≥ len(x)/block. With block = len(x) it quantises a row.
func QuantizeBlocksS8(dst []int8, scale, x []float32, block int) {
	if block <= 0 || block%16 != 0 || len(x)%block != 0 {
		panic(fmt.Sprintf("kernels: QuantizeBlocksS8 of %d elements in blocks of %d", len(x), block))
	}
	quantize_blocks_f32s8(dst[:len(x)], scale[:len(x)/block], x, block)
}

func quantize_blocks_f32s8_ref(dst []int8, scale, x []float32, block int) {
	for b := range scale {
		row, top := x[b*block:][:block], math.Float32bits(0x1p-100)
		for _, v := range row {
			top = max(top, math.Float32bits(v)&math.MaxInt32) // NaN is above infinity
		}
		peak := math.Float32frombits(top)
		scale[b] = peak / 127
		inverse := 127 / peak
		for i, v := range row {
			q := roundEven(v * inverse)
			if q != q {
				q = -128
			}
			dst[b*block+i] = int8(q)
		}
	}
}
