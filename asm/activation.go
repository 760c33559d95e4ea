package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of the functions of kernels/erf.go, gelu.go, elu.go and log.go.
var (
	erfCoefficients      = []float32{7.8891193e-05, -0.000802084105, 0.00518953521, -0.0268544443, 0.112836003, -0.37612626, 0.128379166}
	tailCoefficients     = []float32{2.37871009e-05, -9.42440893e-05, -0.000346688845, 0.00128399837, 0.00100561825, -0.0169861652, 0.0617310926, -0.143414631, 0.24875842, -0.340795457, 0.188821286}
	softplusCoefficients = []float32{0.243009388, 0.214276567, 0.286168844, 0.39998877, 0.666666746}
	logCoefficients      = []float32{-0.133116037, 0.140062377, -0.120781824, 0.140008226, -0.166895017, 0.200107709, -0.249995068, 0.333332092, -0.5}
)

const (
	erfMax      = 10
	tailMax     = 15
	geluLinear  = 1.5957691216057308
	geluCubic   = 0.07135481282701629
	geluTanhMax = 12
	eluMin      = -25
	logBase     = 0x3f2aaaab
	ln2         = 0.693147180559945309
)

// gaussTail emits erfc(a/√2) into a new register, in the order of kernels.gaussTail; −a²/2 = b·c.
func (g *gen) gaussTail(a, b, c reg.VecVirtual) reg.VecVirtual {
	q, r, d := g.vec(), g.vec(), g.vec()
	g.VSUBPS(g.f32(4), a, q)
	g.VADDPS(g.f32(4), a, d)
	g.VDIVPS(d, q, q)
	e := g.expProduct(b, c)
	g.horner(r, q, tailCoefficients)
	g.VMULPS(r, e, e)
	return e
}

// absMin emits min(|x|, limit) into a new register. NaN may become limit.
func (g *gen) absMin(x reg.VecVirtual, limit float32) reg.VecVirtual {
	a := g.vec()
	if g.wide() {
		g.VRANGEPS(operand.U8(2|2<<2), g.f32(limit), x, a)
		return a
	}
	g.VANDPS(g.u32(math.MaxInt32), x, a)
	g.VMINPS(g.f32(limit), a, a)
	return a
}

func genErf(g *gen) {
	g.elementwise(g.parts(1, 2), func(x reg.VecVirtual) reg.VecVirtual {
		t, m := g.abs(x), g.loaded(g.f32(erfMax))
		g.VMINPS(t, m, t) // NaN stays
		g.VANDPS(g.u32(1<<31), x, x)
		s, p, a, y, b := g.vec(), g.vec(), g.vec(), g.vec(), g.vec()
		g.VMULPS(t, t, s)
		g.horner(p, s, erfCoefficients)
		g.VFMADD213PS(t, t, p)
		g.VMULPS(g.f32(math.Sqrt2), t, a)
		g.VXORPS(g.u32(1<<31), t, b)
		tail := g.gaussTail(a, b, t)
		g.VMOVUPS(g.f32(1), y)
		g.VSUBPS(tail, y, y)
		g.where(less, t, g.f32(1), p, y)
		g.VORPS(x, y, y)
		return y
	})
}

// positive emits max(x, 0) in place, NaN and −0 staying.
func (g *gen) positive(x reg.VecVirtual) {
	zero := g.vec()
	g.zero(zero)
	g.VMAXPS(x, zero, x)
}

// weight emits max(x, 0) in place, as positive, with NaN for −Inf: the sum with min(x, 0)·−0.
func (g *gen) weight(x reg.VecVirtual) {
	low, zero := g.vec(), g.vec()
	g.zero(zero)
	g.VMINPS(zero, x, low)
	g.VMAXPS(x, zero, x)
	g.VFMADD231PS(g.u32(1<<31), low, x)
}

func genGelu(g *gen) {
	g.hoistExp(0)
	g.hoist(-0.5)
	g.hoist(tailCoefficients[:6]...)
	g.elementwise(g.parts(1, 2), func(x reg.VecVirtual) reg.VecVirtual {
		a, b := g.absMin(x, tailMax), g.vec()
		g.VMULPS(g.f32(-0.5), a, b)
		tail := g.gaussTail(a, b, a)
		g.weight(x)
		g.VFMADD231PS(tail, b, x)
		return x
	})
}

// gated emits max(x, 0) − a·e/(1+e) into x. It clobbers e.
func (g *gen) gated(x, a, e reg.VecVirtual) {
	d := g.vec()
	g.VADDPS(g.f32(1), e, d)
	g.VDIVPS(d, e, e)
	g.weight(x)
	g.VFNMADD231PS(e, a, x)
}

func genGeluTanh(g *gen) {
	g.hoistExp(0)
	g.hoist(geluCubic, geluLinear)
	g.elementwise(g.parts(1, 2), func(x reg.VecVirtual) reg.VecVirtual {
		a, s, p, w := g.absMin(x, geluTanhMax), g.vec(), g.loaded(g.f32(geluLinear)), g.vec()
		g.VMULPS(a, a, s)
		g.VFMADD231PS(g.f32(geluCubic), s, p)
		g.VXORPS(g.u32(1<<31), a, w)
		g.gated(x, a, g.expProduct(w, p))
		return x
	})
}

func genSilu(g *gen) {
	g.hoistExp(0)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		a, w := g.absMin(x, -expMin), g.vec()
		g.VXORPS(g.u32(1<<31), a, w)
		g.gated(x, a, g.exponential(w, 0))
		return x
	})
}

func genElu(g *gen) {
	alpha, zero, lowest := g.broadcastArg("alpha"), g.vec(), g.loaded(g.f32(eluMin))
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		c, y := g.vec(), g.vec()
		g.VMOVAPS(x, c)
		p := g.expm1Below(c, alpha, lowest, zero)
		g.VMOVAPS(x, y)
		g.where(less, x, zero, p, y)
		return y
	})
}

func genSoftplus(g *gen) {
	g.hoistExp(expAbove)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		w, d, z, p := g.vec(), g.vec(), g.vec(), g.vec()
		g.VORPS(g.u32(1<<31), x, w)
		s := g.exponential(w, expAbove)
		g.VADDPS(g.f32(2), s, d)
		g.VDIVPS(d, s, s)
		g.VMULPS(s, s, z)
		g.horner(p, z, softplusCoefficients)
		g.VMULPS(s, z, z)
		g.VADDPS(s, s, s)
		g.VFMADD213PS(s, z, p)
		g.positive(x)
		g.VADDPS(p, x, x)
		return x
	})
}

// genLog computes every lane as a positive finite number, then puts the special results over it.
func genLog(g *gen) {
	zero := g.vec()
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		v, t, e := g.vec(), g.vec(), g.vec()
		g.VMULPS(g.f32(1<<23), x, t)
		g.VMOVAPS(x, v)
		g.VMOVAPS(zero, e)
		tiny := g.loaded(g.f32(-23))
		g.where(less, x, g.f32(0x1p-126), t, v)
		g.where(less, x, g.f32(0x1p-126), tiny, e)
		g.VPSUBD(g.u32(logBase), v, t)
		g.VANDPS(g.u32(0xff800000), t, t)
		g.VPSUBD(t, v, v)
		g.VCVTDQ2PS(t, t)
		g.VFMADD231PS(g.f32(0x1p-23), t, e)
		g.VSUBPS(g.f32(1), v, v) // f
		q, s := g.vec(), g.vec()
		g.horner(q, v, logCoefficients)
		g.VMULPS(v, v, s)
		g.VFMADD213PS(v, s, q)
		g.VFMADD231PS(g.f32(ln2), e, q)
		special := g.loaded(g.f32(float32(math.Inf(1))))
		g.where(equal, x, special, special, q)
		g.VMOVUPS(g.f32(float32(math.Inf(-1))), special)
		g.where(equal, x, zero, special, q)
		g.VMOVUPS(g.f32(float32(math.NaN())), special)
		g.where(less, x, zero, special, q)
		g.where(unordered, x, x, x, q)
		return q
	})
}
