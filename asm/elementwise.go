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

func genDivScalar(g *gen) {
	by := g.broadcastArg("by")
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VDIVPS(by, x, x)
		return x
	})
}

// exponential emits e^(x+low) into a new register, in the order of kernels.expSum; low may be nil. It clobbers x. lo and hi are the limits
// of expSum; each may be nil where x is known to keep to it, or to stay above −250, where 0 is the result with and without the limit.
func (g *gen) exponential(x, lo, hi, low reg.VecVirtual) reg.VecVirtual {
	if hi != nil {
		g.VMINPS(x, hi, x) // hi < x ? hi : x keeps NaN
	}
	if lo != nil {
		g.VMAXPS(x, lo, x)
	}
	n, p := g.expReduce(x, low)
	g.VADDPS(g.f32(1), p, p)
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

// expReduce emits n and p = e^r − 1 with x + low = n·ln2 + r, in the order of kernels.expReduce. It clobbers x.
func (g *gen) expReduce(x, low reg.VecVirtual) (n, p reg.VecVirtual) {
	n, p = g.vec(), g.vec()
	g.VMULPS(g.f32(log2e), x, n)
	g.round(n, n)
	g.VFNMADD231PS(g.f32(ln2Hi), n, x)
	g.VFNMADD231PS(g.f32(ln2Lo), n, x)
	if low != nil {
		g.VADDPS(low, x, x)
	}
	g.horner(p, x, expCoefficients)
	z := g.vec()
	g.VMULPS(x, x, z)
	g.VFMADD213PS(x, z, p)
	return n, p
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
	log2e     = 1.44269504088896341
	ln2Hi     = 0.693359375
	ln2Lo     = -2.12194440e-4
	tanhSmall = 0.625
)

var (
	expCoefficients  = []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
	tanhCoefficients = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

func genExp(g *gen) {
	sub, lo, hi := g.broadcastArg("sub"), g.loaded(g.f32(expMin)), g.loaded(g.f32(expMax))
	g.hoistExp()
	g.elementwise(g.parts(2, 4), func(x reg.VecVirtual) reg.VecVirtual {
		g.VSUBPS(sub, x, x)
		return g.exponential(x, lo, hi, nil)
	})
}

func genSigmoid(g *gen) {
	lo := g.loaded(g.f32(expMin))
	g.hoistExp()
	g.elementwise(2, func(x reg.VecVirtual) reg.VecVirtual {
		negAbs, num := g.vec(), g.vec()
		g.VORPS(g.u32(1<<31), x, negAbs)
		e := g.exponential(negAbs, lo, nil, nil)
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
	hi := g.loaded(g.f32(expMax))
	g.hoistExp()
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
		e := g.exponential(a2, nil, hi, nil)
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
