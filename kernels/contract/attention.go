//go:build unix

package contract

import (
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// attentionRow is the definition of AttentionF32 for one query, from the keys lo…hi that it sees and its mask.
func attentionRow(y, q []float32, key, value func(j int) []float32, lo, hi int, mask func(j int) float32, scale, softcap float32) {
	negInf := float32(math.Inf(-1))
	s, masked := make([]float32, hi-lo), true
	for j := lo; j < hi; j++ {
		var total float32
		for d0 := 0; d0 < len(q); d0 += 256 {
			var sum float32
			for d := d0; d < min(d0+256, len(q)); d++ {
				sum = kernels.FMAF32(kernels.FMAF32(q[d], scale, 0), key(j)[d], sum)
			}
			if d0 == 0 {
				total = sum
			} else {
				total += sum
			}
		}
		one := s[j-lo : j-lo+1]
		if one[0] = total; softcap != 0 {
			one[0] /= softcap
			kernels.TanhF32(one, one)
			one[0] = kernels.FMAF32(one[0], softcap, 0)
		}
		if one[0] += mask(j); one[0] != negInf {
			masked = false
		}
	}
	if masked {
		clear(y)
		return
	}
	m := negInf
	for _, v := range s {
		if v > m || v != v {
			m = v
		}
		if m != m {
			break
		}
	}
	for i := range s {
		s[i] -= m
	}
	kernels.ExpF32(s, s)
	// Sum and segments go by the key's index from 0.
	sum := kernels.SumF32(append(make([]float32, lo), s...))
	for d := range y {
		var total float32
		for k0 := lo / 256 * 256; k0 < hi; k0 += 256 {
			var chain float32
			for j := max(k0, lo); j < min(k0+256, hi); j++ {
				chain = kernels.FMAF32(s[j-lo], value(j)[d], chain)
			}
			total += chain
		}
		y[d] = kernels.FMAF32(total, 1/sum, 0)
	}
}

// checkAttention goes through shapes, layouts, groups, bounds and masks, which go round with coprime periods.
func checkAttention(c *checker) {
	for i, s := range []struct{ heads, kv, rows, keys, dim, value, left, right int }{
		{1, 1, 1, 1, 1, 1, -1, -1}, {2, 1, 1, 17, 8, 9, -1, 0}, {2, 2, 3, 0, 4, 4, -1, -1}, {4, 2, 5, 16, 16, 16, -1, 0}, {3, 1, 7, 15, 33, 20, 3, 0},
		{1, 1, 33, 40, 32, 32, -1, 0}, {2, 2, 131, 31, 8, 17, -1, -1}, {4, 1, 40, 260, 16, 8, -1, 0}, {1, 1, 2, 257, 300, 3, -1, -1},
		{1, 1, 1, 600, 8, 32, 20, 0}, {2, 1, 70, 530, 8, 16, 40, 2}, {1, 1, 130, 300, 16, 33, 0, 0}, {2, 2, 64, 64, 32, 32, -1, 0},
		{1, 1, 1, 4200, 4, 4, -1, -1}, {1, 1, 3, 4100, 4, 4, 100, 0}, {1, 1, 29, 4097, 8, 8, -1, 5},
	} {
		const batch = 2
		atStart, special, packed := i%2 == 1, i%3 == 2, i%2 == 0
		a := &kernels.Attention{Batch: batch, Heads: s.heads, KVHeads: s.kv, Rows: s.rows, Keys: s.keys, Dim: s.dim, ValueDim: s.value,
			Scale: 0.3, Left: s.left, Right: s.right, Offset: max(0, s.keys-s.rows)}
		layout := func(heads, rows, dim int) kernels.HeadStrides {
			if packed {
				return kernels.HeadStrides{Batch: rows * heads * dim, Head: dim, Row: heads * dim}
			}
			return kernels.HeadStrides{Batch: rows * heads * dim, Head: rows * dim, Row: dim}
		}
		a.Q, a.Out = layout(s.heads, s.rows, s.dim), layout(s.heads, s.rows, s.value)
		a.K, a.V = layout(s.kv, s.keys, s.dim), layout(s.kv, s.keys, s.value)
		if i%5 == 1 {
			a.Softcap = 2
		}
		if i%4 > 1 {
			a.Lengths, a.FromEnd = []int64{int64(s.keys), int64(s.keys / 3)}, i%4 == 3
		}
		mask := func(b, h, r, j int) float32 { return 0 }
		switch i % 3 {
		case 1:
			a.Mask, a.MaskStride, a.MaskKeys = make([]float32, batch*s.rows*s.keys), [4]int{s.rows * s.keys, 0, s.keys, 1}, s.keys
			c.fillF32(a.Mask, 1, i%2 == 0)
			if i%2 == 1 { // one row for all, with 0 at its ends
				a.MaskStride = [4]int{s.rows * s.keys, 0, 0, 1}
				for b := range batch {
					row := a.Mask[b*s.rows*s.keys:][:s.keys]
					clear(row[:s.keys/3])
					for j := range row[2*s.keys/3:] {
						row[2*s.keys/3+j] = float32(math.Copysign(0, float64(j%2)-0.5))
					}
				}
			}
			mask = func(b, h, r, j int) float32 { return a.Mask[b*a.MaskStride[0]+r*a.MaskStride[2]+j] }
		case 2:
			a.MaskKeys = max(0, s.keys-1)
			a.Allowed, a.MaskStride = make([]uint8, s.heads*s.keys), [4]int{0, s.keys, 0, 1}
			for j := range a.Allowed {
				a.Allowed[j] = uint8(c.r.IntN(3))
			}
			mask = func(b, h, r, j int) float32 {
				if a.Allowed[h*s.keys+j] == 0 {
					return float32(math.Inf(-1))
				}
				return 0
			}
		}
		c.name = fmt.Sprintf("%+v softcap=%v lengths=%v special=%v", s, a.Softcap, a.Lengths, special)
		q, k := buffer[float32](c, "q", batch*s.heads*s.rows*s.dim, atStart), buffer[float32](c, "k", batch*s.kv*s.keys*s.dim, atStart)
		v, got := buffer[float32](c, "v", batch*s.kv*s.keys*s.value, atStart), buffer[float32](c, "out", batch*s.heads*s.rows*s.value, atStart)
		c.fillF32(q, 1, special && i%2 == 0)
		c.fillF32(k, 1, false)
		c.fillF32(v, 1, false)
		if special { // few, so that most rows do not see them
			for n := 0; n < len(v); n += 61 {
				v[n] = testkit.SpecialF32()[c.r.IntN(len(testkit.SpecialF32()))]
			}
		}
		want := slices.Clone(got)
		for b := range batch {
			length := s.keys
			if a.Lengths != nil {
				length = int(a.Lengths[b])
			}
			for h := range s.heads {
				kv := h * s.kv / s.heads
				at := func(x []float32, l kernels.HeadStrides, h, r, n int) []float32 {
					return x[b*l.Batch+h*l.Head+r*l.Row:][:n]
				}
				for r := range s.rows {
					p, lo, hi := a.Offset+r, 0, length
					if a.FromEnd {
						p = length - s.rows + r
					}
					if a.Allowed != nil {
						hi = min(hi, a.MaskKeys)
					}
					if s.left >= 0 {
						lo = max(0, p-s.left)
					}
					if s.right >= 0 {
						hi = min(hi, p+s.right+1)
					}
					attentionRow(at(want, a.Out, h, r, s.value), at(q, a.Q, h, r, s.dim),
						func(j int) []float32 { return at(k, a.K, kv, j, s.dim) }, func(j int) []float32 { return at(v, a.V, kv, j, s.value) },
						lo, max(lo, hi), func(j int) float32 { return mask(b, h, r, j) }, a.Scale, a.Softcap)
				}
			}
		}
		scratch := buffer[float32](c, "scratch", a.Scratch(1), atStart)
		for j := range scratch {
			scratch[j] = float32(math.NaN())
		}
		c.run(func() { kernels.AttentionF32(nil, got, q, k, v, a, scratch) })
		testkit.EqualF32(c.t, c.name, got, want)
	}
}
