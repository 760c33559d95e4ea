package asm

import "github.com/mmcloughlin/avo/reg"

// expm1Below emits scale·(e^c − 1) for c clamped to eluMin…0, in the order of kernels.elu_f32_ref, into a new register. It clobbers c.
func (g *gen) expm1Below(c, scale, lowest, zero reg.VecVirtual) reg.VecVirtual {
	t, p, z := g.vec(), g.vec(), g.vec()
	g.VMAXPS(c, lowest, c)
	g.VMINPS(c, zero, c)
	n := g.expReduce(c)
	g.horner(p, c, expCoefficients)
	g.VMULPS(c, c, z)
	g.VFMADD213PS(c, z, p)
	g.VCVTPS2DQ(n, n)
	g.pow2(n)
	g.VSUBPS(g.f32(1), n, t)
	g.VFMADD213PS(t, n, p)
	g.VMULPS(p, scale, p)
	return p
}

func genSelu(g *gen) {
	alpha, gamma, zero, lowest := g.broadcastArg("alpha"), g.broadcastArg("gamma"), g.vec(), g.loaded(g.f32(eluMin))
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		c := g.vec()
		g.VMOVAPS(x, c)
		p := g.expm1Below(c, alpha, lowest, zero)
		g.where(less, x, zero, p, x)
		g.VMULPS(gamma, x, x)
		return x
	})
}

func genCelu(g *gen) {
	alpha, zero, lowest := g.broadcastArg("alpha"), g.vec(), g.loaded(g.f32(eluMin))
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		c := g.vec()
		g.VDIVPS(alpha, x, c)
		p := g.expm1Below(c, alpha, lowest, zero)
		g.where(less, x, zero, p, x)
		return x
	})
}

func genMish(g *gen) {
	zero := g.vec()
	g.zero(zero)
	g.elementwise(g.parts(1, 2), func(x reg.VecVirtual) reg.VecVirtual {
		w, num, den, below := g.vec(), g.vec(), g.vec(), g.vec()
		g.VORPS(g.u32(1<<31), x, w)
		u := g.exponential(w, expAbove)
		g.VADDPS(u, u, w)
		g.VADDPS(g.f32(1), w, num)
		g.VMOVAPS(w, den)
		g.VFMADD213PS(num, u, den)
		g.VFMADD213PS(w, u, u)
		g.VADDPS(g.f32(2), u, below)
		g.where(less, x, zero, u, num)
		g.where(less, x, zero, below, den)
		g.VDIVPS(den, num, num)
		g.VMULPS(num, x, x)
		return x
	})
}

func genSoftsign(g *gen) {
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		a := g.abs(x)
		g.VADDPS(g.f32(1), a, a)
		g.VDIVPS(a, x, x)
		return x
	})
}

func genThresholdedRelu(g *gen) {
	alpha := g.broadcastArg("alpha")
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		y := g.vec()
		g.zero(y)
		g.where(less, alpha, x, x, y)
		return y
	})
}

func genShrink(g *gen) {
	bias, lambda, lower := g.broadcastArg("bias"), g.broadcastArg("lambda"), g.vec()
	g.VXORPS(g.u32(1<<31), lambda, lower)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		y, t := g.vec(), g.vec()
		g.zero(y)
		g.VSUBPS(bias, x, t)
		g.where(less, lambda, x, t, y)
		g.VADDPS(bias, x, t)
		g.where(less, x, lower, t, y)
		return y
	})
}
