//go:build unix

package contract

import (
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// weightSizes covers row tails, column tails and edges of words, blocks and segments.
func weightSizes() []size {
	var sizes []size
	for _, m := range []int{0, 1, 2, 3, 4, 6, 7, 8, 12, 13, 25} {
		for _, n := range []int{1, 7, 8, 9, 16, 17, 33, 64, 65} {
			sizes = append(sizes, size{m, n, 21})
		}
	}
	for _, k := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 127, 129, 255, 256, 257, 300, 513} {
		sizes = append(sizes, size{1, 70, k}, size{2, 17, k}, size{6, 8, k}, size{13, 9, k})
	}
	return append(sizes, size{97, 20, 40}, size{12, 20, 1100}, size{5, 257, 40}, size{1, 600, 33})
}

// weightCase is the operands that products with packed weights share.
type weightCase struct {
	size
	lda, ldc  int
	a, c      []float32
	bias      []float32
	act       kernels.Activation
	atStart   bool
	special   bool
	unchanged []float32
}

func (c *checker) weightCase(i int, s size) *weightCase {
	w := &weightCase{size: s, lda: s.k, ldc: s.n, act: kernels.Activation(i % 2), atStart: i%4 > 1, special: i%5 == 4}
	if i%7 < 3 {
		w.lda, w.ldc = w.lda+3, w.ldc+5
	}
	c.name = fmt.Sprintf("m=%d n=%d k=%d lda=%d ldc=%d act=%d special=%v", s.m, s.n, s.k, w.lda, w.ldc, w.act, w.special)
	w.a, w.c = buffer[float32](c, "a", lengthOf(s.m, s.k, w.lda), w.atStart), buffer[float32](c, "c", lengthOf(s.m, s.n, w.ldc), w.atStart)
	if i%3 > 0 {
		w.bias = buffer[float32](c, "bias", s.n, w.atStart)
		c.fillF32(w.bias, 1, w.special)
	}
	c.fillF32(w.a, 1, w.special)
	for j := range w.c {
		w.c[j] = testkit.Canary
	}
	w.unchanged = slices.Clone(w.a)
	return w
}

// check runs the product and compares with the definition.
func (c *checker) check(w *weightCase, element func(i, j int) float32, run func()) {
	want := slices.Clone(w.c)
	for i := range w.m {
		for j := range w.n {
			v := element(i, j)
			if w.bias != nil {
				v += w.bias[j]
			}
			if w.act == kernels.ActRelu && v < 0 {
				v = 0
			}
			want[i*w.ldc+j] = v
		}
	}
	c.run(run)
	testkit.EqualF32(c.t, c.name, w.c, want)
	testkit.EqualF32(c.t, c.name+": a", w.a, w.unchanged)
}

// checkGemmNBits: both widths, all block sizes, with and without zero points.
func checkGemmNBits(c *checker) {
	for i, s := range append(weightSizes(), size{3, 33, 0}) {
		if s.k == 0 {
			continue // MatMulNBits has no empty K
		}
		w := c.weightCase(i, s)
		b := c.nbits(s, []int{4, 8}[i/2%2], 16<<(i%5), i%3 != 1)
		packed := kernels.PackNBits(b)
		guarded := buffer[uint8](c, "b", len(packed.Data), w.atStart)
		copy(guarded, packed.Data)
		packed.Data = guarded
		c.name += fmt.Sprintf(" bits=%d block=%d zero=%v", b.Bits, b.Block, b.Zero != nil)
		before := slices.Clone(guarded)
		plain := slices.Clone(w.c)
		c.check(w, func(i, j int) float32 { return nbitsElement(b, w.a[i*w.lda:], j) },
			func() { kernels.GemmF32NBits(nil, s.m, w.a, w.lda, packed, w.c, w.ldc, w.bias, w.act) })
		copy(w.c, plain)
		c.name += " s8"
		rows := make([]*s8Row, s.m)
		for i := range rows {
			rows[i] = quantizedRow(w.a[i*w.lda:][:s.k], b.Block)
		}
		c.check(w, func(i, j int) float32 { return rows[i].element(b, j) },
			func() { kernels.GemmS8NBits(nil, s.m, w.a, w.lda, packed, w.c, w.ldc, w.bias, w.act) })
		if !slices.Equal(guarded, before) {
			c.t.Errorf("%s: the weights were changed", c.name)
		}
	}
}

// nbits makes random weights in the ONNX layout.
func (c *checker) nbits(s size, bits, block int, zero bool) *kernels.NBits {
	b := &kernels.NBits{K: s.k, N: s.n, Bits: bits, Block: block}
	b.Q, b.Scale = make([]uint8, s.n*b.Blocks()*block*bits/8), make([]float32, s.n*b.Blocks())
	c.fillBytes(b.Q)
	c.fillF32(b.Scale, 0.1, false)
	if zero {
		b.Zero = make([]uint8, s.n*((b.Blocks()*bits+7)/8))
		c.fillBytes(b.Zero)
	}
	return b
}

// quantised returns q[k][j] of an NBits, and its block's zero point; 2^(bits−1) without zero points.
func quantised(b *kernels.NBits, k, j int) (q, zero int) {
	nibble := func(x []uint8, i int) int { return int(x[i/2]>>(4*(i%2))) & 15 }
	block := k / b.Block
	column := b.Q[j*b.Blocks()*b.Block*b.Bits/8:]
	if b.Bits == 8 {
		if b.Zero == nil {
			return int(column[k]), 128
		}
		return int(column[k]), int(b.Zero[j*b.Blocks()+block])
	}
	if b.Zero == nil {
		return nibble(column, k), 8
	}
	return nibble(column, k), nibble(b.Zero[j*((b.Blocks()+1)/2):], block)
}

// nbitsElement is the definition of GemmF32NBits for one element.
func nbitsElement(b *kernels.NBits, a []float32, j int) float32 {
	center := 1 << (b.Bits - 1)
	var total float32
	for block := range b.Blocks() {
		var chain, sum float32
		zero := 0
		for k := block * b.Block; k < min((block+1)*b.Block, b.K); k++ {
			var q int
			q, zero = quantised(b, k, j)
			chain = kernels.FMAF32(a[k], float32(q-center), chain)
			sum += a[k]
		}
		scale := b.Scale[j*b.Blocks()+block]
		total = kernels.FMAF32(chain, scale, total)
		if b.Zero != nil {
			total = kernels.FMAF32(sum, float32(center-zero)*scale, total)
		}
	}
	return total
}

// s8Row is a row of A in signed bytes, with a scale per block.
type s8Row struct {
	q     []int
	scale []float32
}

// quantizedRow is the definition of QuantizeBlocksS8; a last block that is cut counts as filled up with zeros.
func quantizedRow(x []float32, block int) *s8Row {
	r := &s8Row{}
	for len(x) > 0 {
		part := x[:min(block, len(x))]
		x = x[len(part):]
		top := float32(0x1p-100)
		for _, v := range part {
			if v = float32(math.Abs(float64(v))); v > top || v != v {
				top = v
			}
			if top != top {
				break
			}
		}
		inverse := 127 / top
		for _, v := range part {
			q := -128
			if y := v * inverse; y == y {
				q = int(math.RoundToEven(float64(y)))
			}
			r.q = append(r.q, q)
		}
		r.scale = append(r.scale, top/127)
		for range block - len(part) {
			q := 0
			if inverse != inverse {
				q = -128
			}
			r.q = append(r.q, q)
		}
	}
	return r
}

// element is the definition of GemmS8NBits.
func (r *s8Row) element(b *kernels.NBits, j int) float32 {
	center := 1 << (b.Bits - 1)
	var total float32
	for block := range b.Blocks() {
		dot, sum, zero := 0, 0, 0
		for k := block * b.Block; k < min((block+1)*b.Block, b.K); k++ {
			var q int
			q, zero = quantised(b, k, j)
			dot += r.q[k] * (q - center)
			sum += r.q[k]
		}
		scale := b.Scale[j*b.Blocks()+block]
		total = kernels.FMAF32(float32(dot), r.scale[block]*scale, total)
		if b.Zero != nil {
			total = kernels.FMAF32(float32(sum)*r.scale[block], float32(center-zero)*scale, total)
		}
	}
	return total
}

// checkQuantizeBlocks: rows of one and several blocks, special values among them.
func checkQuantizeBlocks(c *checker) {
	for i, n := range []int{0, 16, 32, 48, 64, 128, 240, 256, 512, 1024} {
		for _, block := range []int{16, 32, 48, 64, 256} {
			if n%block != 0 {
				continue
			}
			c.name = fmt.Sprintf("n=%d block=%d", n, block)
			atStart := i%2 == 1
			x, dst, scale := buffer[float32](c, "x", n, atStart), buffer[int8](c, "dst", n, atStart), buffer[float32](c, "scale", n/block, atStart)
			c.fillF32(x, []float64{1, 1e-3, 1e-32}[i%3], i%4 == 3)
			c.run(func() { kernels.QuantizeBlocksS8(dst, scale, x, block) })
			want := quantizedRow(x, block)
			testkit.EqualF32(c.t, c.name, scale, want.scale)
			for k, q := range dst {
				if int(q) != want.q[k] {
					c.t.Fatalf("%s: byte %d is %d, expected %d", c.name, k, q, want.q[k])
				}
			}
		}
	}
}

// checkConvert: every half float both ways, and f32 between and beyond them.
func checkConvert(c *checker) {
	halves := make([]uint16, 1<<16)
	for i := range halves {
		halves[i] = uint16(i)
	}
	wide := make([]float32, 1<<16)
	for i := range wide { // between neighbours of either format, ties among them
		bits := uint32(i)<<16 | []uint32{0, 0x8000, 0x7fff, 0x8001, 0x1000, 0x3000, c.r.Uint32() & 0xffff}[i%7]
		if i%5 == 0 {
			bits = math.Float32bits(kernels.F16ToF32(uint16(i))) + 0x1000 // middle between two f16
		}
		wide[i] = math.Float32frombits(bits)
	}
	for i, n := range shortLengths() {
		atStart := i%2 == 1
		from := c.r.IntN(1<<16 - n + 1)
		if n == 16<<10+5 {
			from = 0
		}
		for _, f := range []struct {
			name string
			f    func(dst []float32, x []uint16)
			one  func(uint16) float32
		}{{"f16f32", kernels.ConvertF16F32[uint16], kernels.F16ToF32}, {"bf16f32", kernels.ConvertBF16F32[uint16], kernels.BF16ToF32}} {
			c.name = fmt.Sprintf("%s n=%d", f.name, n)
			x, dst, want := buffer[uint16](c, "h", n, atStart), buffer[float32](c, "w", n, atStart), make([]float32, n)
			copy(x, halves[from:])
			for j := range want {
				want[j] = f.one(x[j])
			}
			c.run(func() { f.f(dst, x) })
			testkit.EqualF32(c.t, c.name, dst, want)
		}
		for _, f := range []struct {
			name string
			f    func(dst []uint16, x []float32)
			one  func(float32) uint16
		}{{"f32f16", kernels.ConvertF32F16[uint16], kernels.F32ToF16}, {"f32bf16", kernels.ConvertF32BF16[uint16], kernels.F32ToBF16}} {
			c.name = fmt.Sprintf("%s n=%d", f.name, n)
			x, dst := buffer[float32](c, "w", n, atStart), buffer[uint16](c, "h", n, atStart)
			copy(x, wide[from:])
			c.run(func() { f.f(dst, x) })
			for j, v := range x {
				if want := f.one(v); dst[j] != want {
					c.t.Fatalf("%s: %g (%#x) gives %#x, expected %#x", c.name, v, math.Float32bits(v), dst[j], want)
				}
			}
		}
	}
}

// checkGemmHalf: F16 and BF16 against GemmF32 on the widened weights, which has its own check.
func checkGemmHalf(c *checker) {
	for i, s := range append(weightSizes(), size{3, 33, 0}) {
		for _, brain := range []bool{false, true} {
			w := c.weightCase(i, s)
			c.name += fmt.Sprintf(" brain=%v", brain)
			b, wide := make([]uint16, s.k*s.n), make([]float32, s.k*s.n)
			for j := range b {
				b[j] = c.half(brain, w.special)
				if wide[j] = kernels.F16ToF32(b[j]); brain {
					wide[j] = kernels.BF16ToF32(b[j])
				}
			}
			packed := kernels.PackHalf(s.k, s.n, b, s.n, 1, brain)
			guarded := buffer[uint16](c, "b16", len(packed.Data), w.atStart)
			copy(guarded, packed.Data)
			packed.Data = guarded
			plain := make([]float32, len(w.c))
			product(s, w.a, w.lda, wide, plain, w.ldc, nil, kernels.ActNone)
			c.check(w, func(i, j int) float32 { return plain[i*w.ldc+j] },
				func() { kernels.GemmF32Half(nil, s.m, w.a, w.lda, packed, w.c, w.ldc, w.bias, w.act) })
		}
	}
}

// half is a random half float; special mixes in any bits: subnormals, infinities, NaN.
func (c *checker) half(brain, special bool) uint16 {
	if special && c.r.IntN(4) == 0 {
		return uint16(c.r.Uint32())
	}
	x := float32(c.r.NormFloat64())
	if brain {
		return uint16(math.Float32bits(x) >> 16)
	}
	return kernels.F32ToF16(x)
}
