//go:build unix

package contract

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// eachInteger calls f for a fifth of the cases of eachU8S8 with zero points of every kind, signed and unsigned in turn, and the exact sums.
func (c *checker) eachInteger(f func(i int, x *caseU8S8, signed bool, zero kernels.ZeroPoints, sum func(i, j int) int32)) {
	count := 0
	c.eachU8S8(func(_ int, x *caseU8S8) {
		if count++; count%5 != 0 { // the products are tested in full elsewhere
			return
		}
		i := count / 5
		signed := i%2 == 1
		value := func(r, k int) int32 {
			if v := x.a[r*x.lda+k]; !signed {
				return int32(v)
			} else {
				return int32(int8(v))
			}
		}
		var zero kernels.ZeroPoints
		switch i % 5 {
		case 1, 2:
			zero.A = []int32{int32(c.r.IntN(256))}
		case 3:
			zero.A = make([]int32, x.m)
			for r := range zero.A {
				zero.A[r] = int32(c.r.IntN(256))
			}
		}
		if signed {
			for r := range zero.A {
				zero.A[r] -= 128
			}
		}
		if i%3 == 2 {
			zero.B = buffer[int32](c, "zero", x.n, x.atStart)
			for j := range zero.B {
				zero.B[j] = int32(c.r.IntN(256) - 128)
			}
		}
		c.name += fmt.Sprintf(" signed=%v zeroA=%d zeroB=%v", signed, len(zero.A), zero.B != nil)
		f(i, x, signed, zero, func(r, j int) int32 {
			za, zb := int32(0), int32(0)
			switch len(zero.A) {
			case 0:
			case 1:
				za = zero.A[0]
			default:
				za = zero.A[r]
			}
			if zero.B != nil {
				zb = zero.B[j]
			}
			var sum int32
			for k := range x.k {
				sum += (value(r, k) - za) * (int32(x.b[k*x.n+j]) - zb)
			}
			return sum
		})
	})
}

func checkGemmInteger(c *checker) {
	c.eachInteger(func(_ int, x *caseU8S8, signed bool, zero kernels.ZeroPoints, sum func(i, j int) int32) {
		got := buffer[int32](c, "c", lengthOf(x.m, x.n, x.ldc), x.atStart)
		for j := range got {
			got[j] = 0x5a5a5a5a
		}
		want := place(x, got, func(i int) int32 { return sum(i/x.n, i%x.n) })
		c.run(func() { kernels.GemmInteger(nil, x.m, x.a, x.lda, signed, x.packed, got, x.ldc, zero) })
		testkit.Equal(c.t, c.name, got, want)
	})
}

// checkGemmS8S8 checks the requantising products of signed A: their bias makes up for the 128 that is added to it.
func checkGemmS8S8(c *checker) {
	c.eachInteger(func(i int, x *caseU8S8, signed bool, zero kernels.ZeroPoints, sum func(i, j int) int32) {
		if !signed || zero.B != nil || len(zero.A) > 1 {
			return
		}
		z := int32(128)
		if len(zero.A) == 1 {
			z += zero.A[0]
		}
		bias, factor := c.columns(x)
		exact := func(i int) int32 { return sum(i/x.n, i%x.n) + bias[i%x.n] }
		u8, f32 := buffer[uint8](c, "c", lengthOf(x.m, x.n, x.ldc), x.atStart), buffer[float32](c, "f", lengthOf(x.m, x.n, x.ldc), x.atStart)
		for j := range u8 {
			u8[j], f32[j] = 0x5a, testkit.Canary
		}
		rq := &kernels.Requant{Bias: slices.Clone(bias), Mult: factor, ZeroPoint: int32(i * 37 % 256), Hi: 255}
		for j := range rq.Bias {
			rq.Bias[j] -= z * x.packed.ColSum[j]
		}
		wantU8 := place(x, u8, func(i int) uint8 {
			v := math.RoundToEven(float64(float32(exact(i))*factor[i%x.n])) + float64(rq.ZeroPoint)
			return uint8(min(max(v, 0), 255))
		})
		wantF32 := place(x, f32, func(i int) float32 { return float32(exact(i)) * factor[i%x.n] })
		a := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(x.a))), len(x.a))
		c.run(func() {
			kernels.GemmS8S8U8(nil, x.m, a, x.lda, x.packed, u8, x.ldc, rq)
			kernels.GemmS8S8F32(nil, x.m, a, x.lda, x.packed, f32, x.ldc, &kernels.Dequant{Bias: rq.Bias, Scale: factor})
		})
		testkit.Equal(c.t, c.name, u8, wantU8)
		testkit.EqualF32(c.t, c.name, f32, wantF32)
	})
}

func checkXorU8(c *checker) {
	for i, n := range lengths() {
		c.name = fmt.Sprintf("n=%d", n)
		x, got := buffer[uint8](c, "x", n, i%2 == 1), buffer[uint8](c, "dst", n, i%2 == 1)
		c.fillBytes(x)
		want, v := make([]uint8, n), uint8(i*53)
		for j := range x {
			want[j] = x[j] ^ v
		}
		c.run(func() { kernels.XorU8(got, x, v) })
		testkit.Equal(c.t, c.name, got, want)
		c.run(func() { kernels.XorU8(x, x, v) })
		testkit.Equal(c.t, c.name+" in place", x, want)
	}
}
