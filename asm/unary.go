package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func genNeg(g *gen) {
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VXORPS(g.u32(1<<31), x, x)
		return x
	})
}

func genAbs(g *gen) {
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual { return g.abs(x) })
}

// abs emits |x| into a new register.
func (g *gen) abs(x reg.VecVirtual) reg.VecVirtual {
	a := g.vec()
	g.VANDPS(g.u32(math.MaxInt32), x, a)
	return a
}

func genSqrt(g *gen) {
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VSQRTPS(x, x)
		return x
	})
}

func genReciprocal(g *gen) {
	one := g.loaded(g.f32(1))
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VDIVPS(x, one, x)
		return x
	})
}

// genRound rounds by one of the modes of VROUNDPS, which VRNDSCALEPS shares; 8 suppresses the inexact flag.
func genRound(mode uint8) func(*gen) {
	return func(g *gen) {
		g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
			if g.wide() {
				g.VRNDSCALEPS(operand.U8(mode), x, x)
			} else {
				g.VROUNDPS(operand.U8(mode), x, x)
			}
			return x
		})
	}
}

const (
	toEven = 8
	down   = 9
	up     = 10
)

// genSign: ±1 by the sign bit, then +0 for zeros and x itself for NaN.
func genSign(g *gen) {
	zero := g.vec()
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		y := g.vec()
		g.VANDPS(g.u32(1<<31), x, y)
		g.VORPS(g.f32(1), y, y)
		g.where(equal, x, zero, zero, y)
		g.where(unordered, x, x, x, y)
		return y
	})
}

func genClip(g *gen) {
	lo, hi := g.broadcastArg("lo"), g.broadcastArg("hi")
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.clip(x, lo, hi)
		return x
	})
}

// clip emits x = min(max(x, lo), hi); the second source of both instructions is x, so NaN stays.
func (g *gen) clip(x, lo, hi reg.VecVirtual) {
	g.VMAXPS(x, lo, x)
	g.VMINPS(x, hi, x)
}

func genHardSigmoid(g *gen) {
	alpha, beta := g.broadcastArg("alpha"), g.broadcastArg("beta")
	zero, one := g.vec(), g.loaded(g.f32(1))
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		g.VFMADD213PS(beta, alpha, x)
		g.clip(x, zero, one)
		return x
	})
}

func genHardSwish(g *gen) {
	zero, one, sixth := g.vec(), g.loaded(g.f32(1)), g.loaded(g.f32(1.0/6))
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		y := g.loaded(g.f32(0.5))
		g.VFMADD231PS(x, sixth, y)
		g.clip(y, zero, one)
		g.VMULPS(y, x, y)
		return y
	})
}

func genLeakyRelu(g *gen) {
	alpha, zero := g.broadcastArg("alpha"), g.vec()
	g.zero(zero)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		scaled, y := g.vec(), g.vec()
		g.VMULPS(alpha, x, scaled)
		g.VMOVAPS(x, y)
		g.where(less, x, zero, scaled, y)
		return y
	})
}
