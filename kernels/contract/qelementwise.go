//go:build unix

package contract

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// rounded is clamp(roundeven(y) + zp, lo, hi).
func rounded(y float32, zp, lo, hi int32) uint8 {
	return uint8(min(max(math.RoundToEven(float64(y))+float64(zp), float64(lo)), float64(hi)))
}

// qLengths are lengths around whole vectors, and beyond a block.
func qLengths() []int {
	return []int{0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 200, 16<<10 + 5}
}

// qOperands are two guarded operands with all values among them and a destination.
func (c *checker) qOperands(i, n int) (a, b, dst []uint8) {
	a, b, dst = buffer[uint8](c, "a", n, i%2 == 1), buffer[uint8](c, "b", n, i%2 == 1), buffer[uint8](c, "dst", n, i%2 == 1)
	c.fillBytes(a)
	c.fillBytes(b)
	for j := range a {
		if j%5 == 0 {
			a[j], b[j] = uint8(255*(j/5%2)), uint8(255*(j/10%2))
		}
	}
	return a, b, dst
}

func checkQAdd(c *checker) {
	for i, n := range qLengths() {
		a, b, dst := c.qOperands(i, n)
		p := &kernels.QAdd{ZeroA: int32(i * 51 % 256), ZeroB: int32(255 - i*17%256), MultA: float32(c.r.Float64() * 2), MultB: float32(c.r.Float64()), ZeroPoint: int32(i * 37 % 256), Hi: 255}
		if i%4 == 1 {
			p.MultA, p.MultB = 0.5, 0.5 // halves
		}
		if i%4 == 2 {
			p.Lo, p.Hi = p.ZeroPoint, 250
		}
		c.name = fmt.Sprintf("n=%d %+v", n, *p)
		want := make([]uint8, n)
		for j := range want {
			x, y := float32(int32(a[j])-p.ZeroA), float32(int32(b[j])-p.ZeroB)
			want[j] = rounded(kernels.FMAF32(y, p.MultB, float32(x*p.MultA)), p.ZeroPoint, p.Lo, p.Hi)
		}
		c.run(func() { kernels.QAddU8(dst, a, b, p) })
		testkit.Equal(c.t, c.name, dst, want)
		c.run(func() { kernels.QAddU8(a, a, b, p) })
		testkit.Equal(c.t, c.name+" in place", a, want)
	}
}

func checkQMul(c *checker) {
	for i, n := range qLengths() {
		a, b, dst := c.qOperands(i, n)
		p := &kernels.QMul{ZeroA: int32(i * 51 % 256), ZeroB: int32(255 - i*17%256), Mult: float32(c.r.Float64() / 100), ZeroPoint: int32(i * 37 % 256), Hi: 255}
		switch i % 4 {
		case 1:
			p.Mult = 0.5
		case 2:
			p.Lo, p.Hi = p.ZeroPoint, 250
		case 3: // products of the largest values
			p.ZeroA, p.ZeroB, p.Mult = 0, 255, 0x1p-8
		}
		c.name = fmt.Sprintf("n=%d %+v", n, *p)
		want := make([]uint8, n)
		for j := range want {
			want[j] = rounded(float32((int32(a[j])-p.ZeroA)*(int32(b[j])-p.ZeroB))*p.Mult, p.ZeroPoint, p.Lo, p.Hi)
		}
		c.run(func() { kernels.QMulU8(dst, a, b, p) })
		testkit.Equal(c.t, c.name, dst, want)
	}
}

func checkLookup(c *checker) {
	for i, n := range append(qLengths(), 256, 512) {
		x, table, dst := c.qOperands(i, n)
		table = buffer[uint8](c, "table", 256, i%2 == 0)
		c.fillBytes(table)
		if n >= 256 {
			for j := range 256 {
				x[j] = uint8(j)
			}
		}
		c.name = fmt.Sprintf("n=%d", n)
		want := make([]uint8, n)
		for j := range want {
			want[j] = table[x[j]]
		}
		c.run(func() { kernels.LookupU8(dst, x, table) })
		testkit.Equal(c.t, c.name, dst, want)
	}
}

// checkQPool covers channels around whole vectors, padding that leaves windows with few taps and with none, strides and dilation.
func checkQPool(c *checker) {
	for i, k := range []struct{ ch, h, w, kernel, stride, dilation, pad int }{
		{1, 3, 3, 2, 1, 1, 0}, {3, 5, 7, 3, 2, 1, 1}, {16, 5, 7, 3, 2, 1, 1}, {33, 4, 4, 2, 2, 1, 0}, {64, 7, 7, 7, 1, 1, 0}, {47, 6, 5, 2, 1, 3, 2}, {5, 2, 2, 2, 1, 1, 3},
	} {
		s := &kernels.ConvShape{H: k.h, W: k.w, KH: k.kernel, KW: k.kernel, StrideH: k.stride, StrideW: k.stride, DilationH: k.dilation, DilationW: k.dilation, Top: k.pad, Left: k.pad}
		extent := (k.kernel-1)*k.dilation + 1
		s.OH, s.OW = (k.h+2*k.pad-extent)/k.stride+1, (k.w+2*k.pad-extent)/k.stride+1
		const batch = 2
		x, dst := buffer[uint8](c, "x", batch*k.ch*k.h*k.w, i%2 == 1), buffer[uint8](c, "dst", batch*k.ch*s.OH*s.OW, i%2 == 1)
		c.fillBytes(x)
		padH, padW := -1, -1
		if i%2 == 1 {
			padH, padW = k.h+2*k.pad, k.w+2*k.pad
		}
		flip := uint8(i % 2 * 128)
		p := &kernels.QAverage{Zero: int32(i * 37 % 256), ZeroPoint: int32(i * 91 % 256), Ratio: 0.4 + c.r.Float64()}
		planes := make([]uint8, len(x)) // the same image, channels first, flipped
		for n := range batch {
			for at := range k.h * k.w {
				for ch := range k.ch {
					planes[(n*k.ch+ch)*k.h*k.w+at] = x[(n*k.h*k.w+at)*k.ch+ch] ^ flip
				}
			}
		}
		maximum, mean := make([]uint8, len(dst)), make([]uint8, len(dst))
		maximumP, meanP := make([]uint8, len(dst)), make([]uint8, len(dst))
		for n := range batch {
			for at := range s.OH * s.OW {
				for ch := range k.ch {
					var most uint8
					var sum int32
					inside, counted := 0, 0
					for ky := range s.KH {
						for kx := range s.KW {
							y, col := at/s.OW*s.StrideH-s.Top+ky*s.DilationH, at%s.OW*s.StrideW-s.Left+kx*s.DilationW
							if y+s.Top < padH && col+s.Left < padW {
								counted++
							}
							if y >= 0 && y < k.h && col >= 0 && col < k.w {
								v := x[((n*k.h+y)*k.w+col)*k.ch+ch]
								most, sum, inside = max(most, v), sum+int32(v)-p.Zero, inside+1
							}
						}
					}
					if padH < 0 {
						counted = inside
					}
					i, j := (n*s.OH*s.OW+at)*k.ch+ch, (n*k.ch+ch)*s.OH*s.OW+at
					mean[i] = uint8(p.ZeroPoint)
					if inside > 0 {
						mean[i] = rounded(float32(sum)*float32(p.Ratio/float64(counted)), p.ZeroPoint, 0, 255)
					}
					maximum[i], maximumP[j], meanP[j] = most, most^flip, mean[i]^flip
				}
			}
		}
		c.name = fmt.Sprintf("%+v", k)
		c.run(func() { kernels.MaxPoolU8(dst, x, batch, k.ch, s) })
		testkit.Equal(c.t, c.name+" max", dst, maximum)
		sums := buffer[int32](c, "sums", k.ch, i%2 == 1)
		c.run(func() { kernels.AveragePoolU8(dst, x, batch, k.ch, s, padH, padW, p, sums) })
		testkit.Equal(c.t, c.name+" mean", dst, mean)
		c.run(func() { kernels.MaxPoolPlanesU8(dst, planes, batch*k.ch, s, flip) })
		testkit.Equal(c.t, c.name+" max of planes", dst, maximumP)
		c.run(func() { kernels.AveragePoolPlanesU8(dst, planes, batch*k.ch, s, padH, padW, p, flip) })
		testkit.Equal(c.t, c.name+" mean of planes", dst, meanP)
	}
}
