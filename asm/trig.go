package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of the functions of kernels/trig.go and atan.go.
const (
	twoOverPi = 2 / math.Pi
	halfPi1   = 1.57079637050628662109375
	halfPi2   = -4.371138828673793e-08
	halfPi3   = -1.7151245100058819e-15
)

var (
	sinCoefficients  = []float32{-0.00019510054, 0.00833212305, -0.166666538}
	cosCoefficients  = []float32{2.44271814e-05, -0.00138872641, 0.0416666456}
	tanCoefficients  = []float32{0.00446379092, -8.44328097e-05, 0.010970152, 0.0212315507, 0.0540694781, 0.133325815, 0.333333522}
	atanCoefficients = []float32{-0.00179359387, 0.0109144812, -0.031177612, 0.0579573587, -0.0840343684, 0.109521814, -0.142642409, 0.199985489, -0.333332986}
)

// quadrant emits n, an integer, and r with a = n·π/2 + r, in the order of kernels.reduceSmall. It clobbers a.
func (g *gen) quadrant(a reg.VecVirtual) (n, r reg.VecVirtual) {
	n = g.vec()
	g.VMULPS(g.f32(twoOverPi), a, n)
	g.round(n, n)
	for _, c := range []float32{halfPi1, halfPi2, halfPi3} {
		g.VFNMADD231PS(g.f32(c), n, a)
	}
	g.VCVTPS2DQ(n, n)
	return n, a
}

// blendSign emits dst = mask's sign bit ? ifSet : dst per lane.
func (g *gen) blendSign(mask, ifSet, dst reg.VecVirtual) {
	if g.wide() {
		k := g.K()
		g.VPMOVD2M(mask, k)
		g.VMOVAPS(ifSet, k, dst)
	} else {
		g.VBLENDVPS(mask, ifSet, dst, dst)
	}
}

// oddPoly emits r + r³·P(r²) into a new register, and z = r².
func (g *gen) oddPoly(r reg.VecVirtual, c []float32) (y, z reg.VecVirtual) {
	y, z = g.vec(), g.vec()
	t := g.vec()
	g.VMULPS(r, r, z)
	g.horner(y, z, c)
	g.VMULPS(z, r, t)
	g.VFMADD213PS(r, t, y)
	return y, z
}

// genSin emits sin(|x| + shift·π/2); odd gives it the sign of x.
func genSin(shift uint32, odd bool) func(*gen) {
	return func(g *gen) {
		g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
			n, r := g.quadrant(g.abs(x))
			if shift != 0 {
				g.VPADDD(g.u32(shift), n, n)
			}
			y, z := g.oddPoly(r, sinCoefficients)
			c, p := g.vec(), g.loaded(g.f32(1))
			g.VFMADD231PS(g.f32(-0.5), z, p)
			g.horner(c, z, cosCoefficients)
			g.VMULPS(z, z, z)
			g.VFMADD213PS(p, z, c)
			bit := g.vec()
			g.VPSLLD(operand.U8(31), n, bit)
			g.blendSign(bit, c, y)
			g.VPSLLD(operand.U8(30), n, n)
			if odd {
				g.VXORPS(x, n, n)
			}
			g.VANDPS(g.u32(1<<31), n, n)
			g.VXORPS(n, y, y)
			return y
		})
	}
}

func genTan(g *gen) {
	minus := g.loaded(g.f32(-1))
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		n, r := g.quadrant(g.abs(x))
		y, _ := g.oddPoly(r, tanCoefficients)
		inverse := g.vec()
		g.VDIVPS(y, minus, inverse)
		g.VPSLLD(operand.U8(31), n, n)
		g.blendSign(n, inverse, y)
		g.VANDPS(g.u32(1<<31), x, x)
		g.VXORPS(x, y, y)
		return y
	})
}

func genAtan(g *gen) {
	one, minus := g.loaded(g.f32(1)), g.loaded(g.f32(-1))
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		a, t, sum := g.abs(x), g.vec(), g.vec()
		g.VDIVPS(a, minus, t)
		u := g.vec()
		g.VMOVAPS(a, u)
		g.where(less, one, a, t, u)
		y, _ := g.oddPoly(u, atanCoefficients)
		g.VADDPS(g.f32(halfPi2), y, sum)
		g.VADDPS(g.f32(halfPi1), sum, sum)
		g.where(less, one, a, sum, y)
		g.VANDPS(g.u32(1<<31), x, x)
		g.VXORPS(x, y, y)
		return y
	})
}
