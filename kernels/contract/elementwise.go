//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

func checkSoftmax(c *checker) {
	for i, cols := range lengths() {
		rows := 1 + i%3
		c.name = fmt.Sprintf("rows=%d cols=%d", rows, cols)
		x, got := buffer[float32](c, "x", rows*cols, i%2 == 1), buffer[float32](c, "dst", rows*cols, i%2 == 1)
		c.fillF32(x, 3, false)
		switch {
		case cols == 0:
		case i%4 == 1:
			c.fillF32(x[:cols], 3, true)
		case i%4 == 2: // −Inf is a mask: probability 0
			x[c.r.IntN(cols)] = float32(-1 / zero)
		}
		want := make([]float32, rows*cols)
		kernels.SoftmaxF32(want, x, rows, cols)
		c.run(func() { kernels.SoftmaxF32(got, x, rows, cols) })
		testkit.EqualF32(c.t, c.name, got, want)
		c.run(func() { kernels.SoftmaxF32(x, x, rows, cols) })
		testkit.EqualF32(c.t, c.name+" in place", x, want)
	}
}

var zero float32

// stripedSum is the definition of SumF32.
func stripedSum(x []float32) float32 {
	var total float32
	for s := 0; s < len(x); s += 4096 {
		var acc [64]float32
		for i, v := range x[s:min(s+4096, len(x))] {
			acc[i%64] += v
		}
		for n := 32; n > 0; n /= 2 {
			for i := range n {
				acc[i] += acc[i+n]
			}
		}
		if s == 0 {
			total = acc[0]
		} else {
			total += acc[0]
		}
	}
	return total
}

func checkQuantize(c *checker) {
	for i, n := range lengths() {
		scale, zp := []float32{0.05, 1, 3e-39, 1e30}[i%4], uint8(i*53)
		c.name = fmt.Sprintf("n=%d scale=%g zp=%d", n, scale, zp)
		x, got := buffer[float32](c, "x", n, i%2 == 1), buffer[uint8](c, "dst", n, i%2 == 1)
		c.fillF32(x, 10*float64(scale), i%3 > 0)
		for j := range x { // halves of a step
			if j%5 == 0 {
				x[j] = (float32(c.r.IntN(100)) + 0.5) * scale
			}
		}
		want := make([]uint8, n)
		kernels.QuantizeU8(want, x, scale, zp)
		c.run(func() { kernels.QuantizeU8(got, x, scale, zp) })
		testkit.Equal(c.t, c.name, got, want)
	}
}

func checkDequantize(c *checker) {
	for i, n := range lengths() {
		scale, zp := []float32{0.05, 1e-40, 1e30}[i%3], uint8(i*53)
		c.name = fmt.Sprintf("n=%d scale=%g zp=%d", n, scale, zp)
		x, got := buffer[uint8](c, "x", n, i%2 == 1), buffer[float32](c, "dst", n, i%2 == 1)
		c.fillBytes(x)
		want := make([]float32, n)
		kernels.DequantizeU8(want, x, scale, zp)
		c.run(func() { kernels.DequantizeU8(got, x, scale, zp) })
		testkit.EqualF32(c.t, c.name, got, want)
	}
}

// checkPeak only runs the register loops.
func checkPeak(c *checker) {
	c.name = "peak"
	c.run(func() {
		kernels.PeakF32(10)
		kernels.PeakU8S8(10)
		kernels.PeakPaired(10)
		kernels.PeakBF16(10)
	})
}
