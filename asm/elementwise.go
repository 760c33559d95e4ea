package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise emits dst[i] = body(x[i]) for float32 slices: unroll vectors at a time, interleaved, then one, then a masked rest.
func (g *gen) elementwise(unroll int, body func(x reg.VecVirtual) reg.VecVirtual) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	for _, u := range []int{unroll, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		for at := 0; u == unroll && g.ahead > 0 && at < u*g.lanes*4; at += 64 {
			g.PREFETCHT0(mem(x, g.ahead+at))
			g.PREFETCHT0(mem(dst, g.ahead+at))
		}
		g.interleaved(u, func(i int) {
			v := g.vec()
			g.VMOVUPS(mem(x, i*g.lanes*4), v)
			g.VMOVUPS(body(v), mem(dst, i*g.lanes*4))
		})
		g.ADDQ(operand.U32(u*g.lanes*4), x)
		g.ADDQ(operand.U32(u*g.lanes*4), dst)
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
		if unroll == 1 {
			break
		}
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	v := g.vec()
	g.loadMasked(mem(x, 0), m, 0, v)
	g.storeMasked(body(v), m, 0, mem(dst, 0))
	g.Label("done")
	g.finish()
}

// parts is how many vectors are interleaved: with 16 registers, and with 32.
func (g *gen) parts(narrow, wide int) int {
	if g.wide() {
		return wide
	}
	return narrow
}

// genRelu: 0 > x ? 0 : x, which is what VMAXPS computes with x as its second source, NaN and −0 included.
func genRelu(g *gen) {
	zero := g.vec()
	g.zero(zero)
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VMAXPS(x, zero, x)
		return x
	})
}

// exponential emits e^x into a new register, in the order of kernels.expRef. It clobbers x.
func (g *gen) exponential(x reg.VecVirtual, limits expLimits) reg.VecVirtual {
	if limits&expBelow != 0 && !g.wide() {
		g.VMINPS(x, g.loaded(g.f32(expMax)), x) // hi < x ? hi : x keeps NaN
	}
	if limits&expAbove != 0 && !g.wide() {
		g.VMAXPS(x, g.loaded(g.f32(expMin)), x)
	}
	n := g.expReduce(x)
	if limits != 0 && g.wide() {
		// 2^n is right for any x, so a limit to r, which x beyond the limits has no use for, does: |r| ≤ ½, even where r is NaN.
		g.VRANGEPS(operand.U8(2), g.f32(0.5), x, x)
	}
	return g.expScaled(n, x)
}

// expLimits says which of the limits of kernels.expRef x may exceed. x may go down to −170 without: 0 is the result with and without.
type expLimits int

const (
	expAbove expLimits = 1 << iota // x may lie below expMin
	expBelow                       // x may lie above expMax
)

// expProduct emits e^(a·b) into a new register, in the order of kernels.expProduct.
func (g *gen) expProduct(a, b reg.VecVirtual) reg.VecVirtual {
	n, r, s := g.loaded(g.f32(expRound)), g.vec(), g.vec()
	g.VMULPS(g.f32(log2e), a, s)
	g.VFMADD231PS(s, b, n)
	g.VSUBPS(g.f32(expRound), n, n)
	g.VMULPS(g.f32(ln2Hi), n, r)
	g.VFMSUB231PS(a, b, r)
	g.VFNMADD231PS(g.f32(ln2Lo), n, r)
	return g.expScaled(n, r)
}

// expScaled emits 2^n·e^r into a new register. It clobbers n.
func (g *gen) expScaled(n, r reg.VecVirtual) reg.VecVirtual {
	p := g.vec()
	g.horner(p, r, expCoefficients)
	g.VFMADD213PS(g.f32(1), r, p)
	g.VFMADD213PS(g.f32(1), r, p)
	if g.wide() {
		g.VSCALEFPS(n, p, p) // p·2^n, rounded once
		return p
	}
	// 2^k in two factors; the bits of 1.0 are the exponent bias in place.
	k := g.vec()
	g.VCVTPS2DQ(n, k)
	g.VPSRAD(operand.U8(1), k, n)
	g.VPSUBD(n, k, k)
	for _, e := range []reg.VecVirtual{n, k} {
		g.pow2(e)
		g.VMULPS(e, p, p)
	}
	return p
}

// expReduce emits n with x = n·ln2 + r, in the order of kernels.expReduce, and replaces x by r.
func (g *gen) expReduce(x reg.VecVirtual) (n reg.VecVirtual) {
	n = g.loaded(g.f32(expRound))
	g.VFMADD231PS(g.f32(log2e), x, n)
	g.VSUBPS(g.f32(expRound), n, n)
	g.VFNMADD231PS(g.f32(ln2Hi), n, x)
	g.VFNMADD231PS(g.f32(ln2Lo), n, x)
	return n
}

// pow2 replaces the integer k, −127 < k < 128, by the float 2^k.
func (g *gen) pow2(k reg.VecVirtual) {
	g.VPSLLD(operand.U8(23), k, k)
	g.VPADDD(g.f32(1), k, k)
}

// horner emits p = (…(c[0]·x + c[1])·x + …)·x + c[last].
func (g *gen) horner(p, x reg.VecVirtual, c []float32) {
	g.VMOVUPS(g.f32(c[0]), p)
	for _, v := range c[1:] {
		g.VFMADD213PS(g.f32(v), x, p)
	}
}

// Constants of kernels.expRef and kernels.tanh_f32_ref. The contract tests would show a difference in any bit.
const (
	expMin    = -104
	expMax    = 89
	expRound  = 0x1.8p23
	log2e     = 1.44269504088896341
	ln2Hi     = 0.693359375
	ln2Lo     = -2.12194440e-4
	tanhSmall = 0.625
)

var (
	expCoefficients  = []float32{0.0013818296, 0.008368532, 0.041668292, 0.16666523, 0.49999994}
	tanhCoefficients = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

func genExp(g *gen) {
	g.ahead = 1024 // 262,144 elements, which are read from the next level, take 0.87 of the time, 49,152 the same (Emerald Rapids)
	g.hoistExp(expAbove | expBelow)
	g.elementwise(g.parts(2, 4), func(x reg.VecVirtual) reg.VecVirtual { return g.exponential(x, expAbove|expBelow) })
}

func genSigmoid(g *gen) {
	g.hoistExp(expAbove)
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		negAbs, num := g.vec(), g.vec()
		g.VORPS(g.u32(1<<31), x, negAbs)
		e := g.exponential(negAbs, expAbove)
		g.selectSign(x, e, g.f32(1), num)
		g.VADDPS(g.f32(1), e, e)
		g.VDIVPS(e, num, num)
		return num
	})
}

// selectSign emits dst = x's sign bit ? ifSet : ifClear per lane.
func (g *gen) selectSign(x, ifSet reg.VecVirtual, ifClear operand.Mem, dst reg.VecVirtual) {
	g.VMOVUPS(ifClear, dst)
	if g.wide() {
		k := g.K()
		g.VPMOVD2M(x, k)
		g.VMOVAPS(ifSet, k, dst)
	} else {
		g.VBLENDVPS(x, ifSet, dst, dst)
	}
}

// Predicates of VCMPPS.
const (
	equal     = 0 // ordered
	less      = 1 // ordered, signalling
	unordered = 3
)

// where emits dst = (a predicate b) ? ifTrue : dst per lane.
func (g *gen) where(predicate uint8, a reg.VecVirtual, b operand.Op, ifTrue, dst reg.VecVirtual) {
	if g.wide() {
		k := g.K()
		g.VCMPPS(operand.U8(predicate), b, a, k)
		g.VMOVAPS(ifTrue, k, dst)
	} else {
		m := g.vec()
		g.VCMPPS(operand.U8(predicate), b, a, m)
		g.VBLENDVPS(m, ifTrue, dst, dst)
	}
}

func genTanh(g *gen) {
	g.hoistExp(expBelow)
	g.elementwise(g.parts(1, 2), func(x reg.VecVirtual) reg.VecVirtual {
		a, z, p := g.vec(), g.vec(), g.vec()
		g.VANDPS(g.u32(math.MaxInt32), x, a)
		g.VANDPS(g.u32(1<<31), x, x)
		// p = a + a·z·P(z), below tanhSmall
		g.VMULPS(a, a, z)
		g.horner(p, z, tanhCoefficients)
		g.VMULPS(z, a, z)
		g.VFMADD213PS(a, z, p)
		// y = 1 − 2/(e^2a + 1), from there on
		a2, y := g.vec(), g.vec()
		g.VADDPS(a, a, a2)
		e := g.exponential(a2, expBelow)
		g.VADDPS(g.f32(1), e, e)
		g.VMOVUPS(g.f32(2), y)
		g.VDIVPS(e, y, y)
		g.VMOVUPS(g.f32(1), e)
		g.VSUBPS(y, e, y)
		g.where(less, a, g.f32(tanhSmall), p, y)
		g.VORPS(x, y, y)
		return y
	})
}
