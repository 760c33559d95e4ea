//go:build unix

package contract

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// qconvCase is one convolution with its exact sums over (x − zero)·w.
type qconvCase struct {
	s       kernels.ConvShape
	m, ch   int
	batch   int
	zero    uint8
	x       []uint8
	packed  *kernels.PackedQConv
	plain   []int32 // sums of x·w, with x zero outside of the image
	sums    []int32 // corrected
	atStart bool
}

// eachQConv covers merged runs and runs of one pixel, channels that are no multiple of 4, groups, depthwise with one and several vectors,
// 1×1 with and without stride, dilation, one row, padding wider than the kernel, images of several bands, runs as wide as tiles, and every
// kind of weights: any, extreme, paired, and such as need nine bits.
func (c *checker) eachQConv(u8 bool, f func(i int, x *qconvCase)) {
	shapes := []struct {
		m, ch, groups, h, w, kh, kw, stride, dilation, pad int
	}{
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 0},
		{16, 16, 1, 4, 5, 3, 3, 1, 1, 1},
		{17, 3, 1, 9, 15, 3, 3, 2, 1, 1},
		{40, 3, 1, 5, 29, 7, 7, 2, 1, 3},
		{5, 33, 1, 6, 13, 3, 3, 1, 2, 2},
		{35, 40, 1, 3, 27, 1, 1, 1, 1, 0},
		{7, 5, 1, 2, 14, 1, 1, 1, 1, 0},
		{50, 36, 1, 2, 30, 1, 1, 2, 1, 0},
		{6, 8, 2, 5, 7, 3, 3, 1, 1, 1},
		{34, 10, 2, 3, 19, 1, 3, 2, 1, 1},
		{19, 19, 19, 7, 13, 3, 3, 1, 1, 1},
		{64, 64, 64, 4, 5, 3, 3, 1, 1, 0},
		{100, 100, 100, 4, 9, 3, 3, 2, 1, 1},
		{144, 144, 144, 2, 2, 5, 5, 1, 2, 4},
		{48, 48, 48, 1, 21, 1, 7, 1, 1, 3},
		{8, 4, 4, 4, 4, 3, 3, 1, 1, 1},
		{16, 7, 1, 1, 100, 1, 7, 1, 1, 3},
		{3, 2, 1, 2, 2, 3, 3, 1, 3, 6},
		{65, 12, 1, 3, 17, 3, 3, 1, 1, 1},
		{64, 64, 64, 8, 600, 3, 3, 1, 1, 1}, // several bands
		{2, 4, 1, 9, 8000, 3, 3, 3, 1, 1},
		{40, 64, 1, 5, 7, 3, 3, 1, 1, 1}, // from here on windows in tiles, where there are some
		{17, 64, 1, 9, 9, 1, 1, 2, 1, 0},
		{33, 64, 1, 6, 13, 3, 3, 1, 2, 2},
		{16, 13, 1, 4, 37, 2, 4, 1, 1, 1},
		{16, 64, 1, 5, 600, 3, 3, 1, 1, 1},
	}
	for i := range 4 * len(shapes) {
		k, kind := shapes[i/4], i%4
		if k.w*k.ch > 10000 && (kind != 2 || !u8) {
			continue
		}
		s := kernels.ConvShape{H: k.h, W: k.w, KH: k.kh, KW: k.kw, StrideH: k.stride, StrideW: k.stride, DilationH: k.dilation, DilationW: k.dilation, Left: k.pad}
		if k.kh > 1 {
			s.Top = k.pad
		}
		s.OH = (k.h+2*s.Top-(k.kh-1)*k.dilation-1)/k.stride + 1
		s.OW = (k.w+2*s.Left-(k.kw-1)*k.dilation-1)/k.stride + 1
		x := &qconvCase{s: s, m: k.m, ch: k.ch, batch: 1 + i/4%2, zero: []uint8{0, 255, 128, 3}[i/2%4], atStart: i/4%2 == 1}
		c.name = fmt.Sprintf("%+v kind %d", k, kind)
		x.x = buffer[uint8](c, "x", x.batch*k.ch*k.h*k.w, x.atStart)
		c.fillBytes(x.x)
		w := make([]int16, k.m*k.ch/k.groups*k.kh*k.kw)
		for j := range w {
			switch kind {
			case 0:
				w[j] = int16(int8(c.r.Uint32()))
			case 1:
				w[j] = []int16{-128, 127}[j/(len(w)/k.m)%2]
			case 2:
				w[j] = int16(c.r.IntN(129) - 64)
			case 3:
				w[j] = int16(c.r.IntN(2*kernels.MaxQWeight+1) - kernels.MaxQWeight)
			}
		}
		if kind == 1 {
			for j := range x.x {
				x.x[j] = uint8(255 * (j % 2))
			}
		}
		x.packed = kernels.PackQConv(w, k.m, k.ch, k.groups, k.kh, k.kw, k.dilation, k.dilation, u8)
		x.direct(w, k.groups)
		f(i, x)
	}
}

// direct computes the sums by their definition.
func (x *qconvCase) direct(w []int16, groups int) {
	s, cg, mg := &x.s, x.ch/groups, x.m/groups
	for n := range x.batch {
		for oy := range s.OH {
			for ox := range s.OW {
				for o := range x.m {
					var plain, sum int32
					for c := range cg {
						for ky := range s.KH {
							for kx := range s.KW {
								iy, ix := oy*s.StrideH-s.Top+ky*s.DilationH, ox*s.StrideW-s.Left+kx*s.DilationW
								v, weight := int32(x.zero), int32(w[((o*cg+c)*s.KH+ky)*s.KW+kx])
								if iy >= 0 && iy < s.H && ix >= 0 && ix < s.W {
									v = int32(x.x[((n*s.H+iy)*s.W+ix)*x.ch+o/mg*cg+c])
								}
								plain += v * weight
								sum += (v - int32(x.zero)) * weight
							}
						}
					}
					x.plain, x.sums = append(x.plain, plain), append(x.sums, sum)
				}
			}
		}
	}
}

// compute runs f with a pool of one or two threads and the scratch memory.
func (x *qconvCase) compute(c *checker, i int, f func(pool *kernels.Pool, bytes []uint8, ints []int64)) {
	nb, ni := x.packed.QConvScratch(&x.s)
	bytes, ints := buffer[uint8](c, "bytes", nb, true), make([]int64, ni+i%3)
	pool := kernels.NewPool(1 + i/4%2)
	c.run(func() { f(pool, bytes, ints) })
	pool.Close()
}

func checkQConvU8(c *checker) {
	c.eachQConv(true, func(i int, x *qconvCase) {
		bias, given := buffer[int32](c, "bias", x.m, x.atStart), buffer[float32](c, "mult", x.m, x.atStart)
		own := make([]int32, x.m)
		for o := range own {
			own[o] = int32(c.r.IntN(4001) - 2000)
			given[o] = float32(math.Exp(c.r.NormFloat64())) / 500
		}
		corrected, ok := x.packed.ZeroPointBias(own, x.zero)
		if !ok {
			c.t.Fatalf("%s: refused", c.name)
		}
		copy(bias, corrected)
		rq := &kernels.Requant{Bias: bias, Mult: given, ZeroPoint: int32(i * 37 % 256), Hi: 255}
		switch i % 3 {
		case 1:
			rq.Lo = rq.ZeroPoint
		case 2:
			rq.Lo, rq.Hi = 17, 201
		}
		want := make([]uint8, len(x.sums))
		for j, sum := range x.sums {
			o := j % x.m
			v := math.RoundToEven(float64(float32(sum+own[o])*given[o])) + float64(rq.ZeroPoint)
			want[j] = uint8(min(max(v, float64(rq.Lo)), float64(rq.Hi)))
		}
		got := buffer[uint8](c, "dst", len(want), x.atStart)
		if x.packed.Depthwise() {
			rq = x.packed.NewDepthwiseRequant(rq)
		}
		x.compute(c, i, func(pool *kernels.Pool, bytes []uint8, ints []int64) {
			kernels.ConvU8S8U8(pool, got, x.x, x.zero, x.packed, x.batch, &x.s, rq, bytes, ints)
		})
		testkit.Equal(c.t, c.name, got, want)
	})
}

func checkQConvS32(c *checker) {
	c.eachQConv(false, func(i int, x *qconvCase) {
		if i%2 == 0 { // the loops are those of u8
			return
		}
		got := buffer[int32](c, "dst", len(x.plain), x.atStart)
		x.compute(c, i, func(pool *kernels.Pool, bytes []uint8, ints []int64) {
			kernels.ConvU8S8S32(pool, got, x.x, x.zero, x.packed, x.batch, &x.s, bytes, ints)
		})
		testkit.Equal(c.t, c.name, got, x.plain)
	})
}

func checkQConvF32(c *checker) {
	c.eachQConv(false, func(i int, x *qconvCase) {
		if i%2 == 1 {
			return
		}
		bias, _ := x.packed.ZeroPointBias(nil, x.zero)
		scale := buffer[float32](c, "mult", x.m, x.atStart)
		c.fillF32(scale, 1, false)
		dq := &kernels.Dequant{Bias: bias, Scale: scale, Act: kernels.Activation(i / 2 % 2)}
		want := make([]float32, len(x.sums))
		for j, sum := range x.sums {
			if want[j] = float32(sum) * scale[j%x.m]; dq.Act == kernels.ActRelu && want[j] < 0 {
				want[j] = 0
			}
		}
		got := buffer[float32](c, "dst", len(want), x.atStart)
		x.compute(c, i, func(pool *kernels.Pool, bytes []uint8, ints []int64) {
			kernels.ConvU8S8F32(pool, got, x.x, x.zero, x.packed, x.batch, &x.s, dq, bytes, ints)
		})
		testkit.EqualF32(c.t, c.name, got, want)
	})
}
