package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genExpSum emits dst[i] = e^(x[i] − sub) and returns the sum of them, striped over 64 accumulators as genStriped does. x[i] ≤ sub, so
// the exponential needs no upper limit.
func genExpSum(g *gen) {
	sub, lo := g.broadcastArg("sub"), g.loaded(g.f32(expMin))
	g.hoistExp()
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	acc := g.vecs(64 / g.lanes)
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(64))
	g.JLT(operand.LabelRef("tail"))
	parts := g.parts(1, 2) // eight of sixteen registers hold sums, or sixteen of 32 sums and constants
	for first := 0; first < len(acc); first += parts {
		g.interleaved(parts, func(i int) {
			v := g.loaded(mem(x, (first+i)*g.lanes*4))
			g.VSUBPS(sub, v, v)
			e := g.exponential(v, lo, nil, nil)
			g.VMOVUPS(e, mem(dst, (first+i)*g.lanes*4))
			g.VADDPS(e, acc[first+i], acc[first+i])
		})
	}
	g.ADDQ(operand.U32(256), x)
	g.ADDQ(operand.U32(256), dst)
	g.SUBQ(operand.U32(64), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("fold"))
	m := g.newMask(n, len(acc))
	for i, v := range acc {
		t, used := g.vec(), g.vec()
		g.loadMasked(mem(x, i*g.lanes*4), m, i, t)
		g.VSUBPS(sub, t, t)
		e := g.exponential(t, lo, nil, nil)
		g.storeMasked(e, m, i, mem(dst, i*g.lanes*4))
		g.zero(used) // what is past the end adds +0, which changes no accumulator: they start from +0
		if g.wide() {
			g.VMOVAPS(e, m.bits[i], used)
		} else {
			g.VBLENDVPS(g.maskVector(m, i), e, used, used)
		}
		g.VADDPS(used, v, v)
	}
	g.Label("fold")
	for half := len(acc) / 2; half > 0; half /= 2 {
		for i := range half {
			g.VADDPS(acc[i+half], acc[i], acc[i])
		}
	}
	g.foldLanes(acc[0], func(src, dst reg.Register) { g.VADDPS(src, dst, dst) })
}

// quotientMin is the smallest dividend, 0 apart, for which the remainders below are exact: 2^-64.
const quotientMin = 0x1p-64

// genQuotient emits dst[i] = x[i]/by for 0 ≤ x[i] ≤ 1 or NaN and by ≥ 1 or NaN. A division of a ZMM register keeps the divider busy for 10 to 16
// cycles, so the quotient q of x and r = 1/by, correctly rounded, is corrected twice by the remainder: q + (x − q·by)·r. After the first
// time q is within an ULP, so the second remainder is exact and the result correctly rounded, unless by's fraction is all ones (Markstein,
// "Computation of elementary functions on the IBM RISC System/6000 processor", 1990) or x is so small that remainders underflow: those
// are divided.
func genQuotient(g *gen) {
	if !g.wide() {
		genDivScalar(g)
		return
	}
	by, r := g.broadcastArg("by"), g.loaded(g.f32(1))
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	g.VDIVPS(by, r, r)
	minusOne, least, bits := g.loaded(g.u32(1<<32-1)), g.loaded(g.f32(quotientMin)), g.GP64()
	g.VMOVD(by.AsX(), bits.As32())
	g.INCQ(bits)
	g.SHLQ(operand.U8(64-23), bits) // 0 where the fraction was all ones
	g.TESTQ(bits, bits)
	g.JEQ(operand.LabelRef("divide"))

	const unroll = 4
	g.Label("loop")
	g.CMPQ(n, operand.U32(unroll*g.lanes))
	g.JLT(operand.LabelRef("divide"))
	v, small := g.vecs(unroll), g.vec()
	for i := range v {
		g.VMOVUPS(mem(x, i*g.lanes*4), v[i])
	}
	for i := range v { // 0 becomes the largest unsigned number
		t := small
		if i > 0 {
			t = g.vec()
		}
		g.VPADDD(minusOne, v[i], t)
		if i > 0 {
			g.VPMINUD(t, small, small)
		}
	}
	k := g.K()
	g.VPCMPUD(operand.U8(1), least, small, k) // less
	g.KMOVW(k, bits.As32())
	g.TESTQ(bits, bits)
	g.JNE(operand.LabelRef("group"))
	for i := range v {
		q, rest := g.vec(), g.vec()
		g.VMULPS(r, v[i], q)
		for range 2 {
			g.VMOVAPS(v[i], rest)
			g.VFNMADD231PS(by, q, rest)
			g.VFMADD231PS(r, rest, q)
		}
		g.VMOVUPS(q, mem(dst, i*g.lanes*4))
	}
	g.Label("next")
	g.ADDQ(operand.U32(unroll*g.lanes*4), x)
	g.ADDQ(operand.U32(unroll*g.lanes*4), dst)
	g.SUBQ(operand.U32(unroll*g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("group")
	for i := range v {
		g.VDIVPS(by, v[i], v[i])
		g.VMOVUPS(v[i], mem(dst, i*g.lanes*4))
	}
	g.JMP(operand.LabelRef("next"))

	g.Label("divide")
	g.CMPQ(n, operand.U32(g.lanes))
	g.JLT(operand.LabelRef("tail"))
	one := g.loaded(mem(x, 0))
	g.VDIVPS(by, one, one)
	g.VMOVUPS(one, mem(dst, 0))
	g.ADDQ(operand.U32(g.lanes*4), x)
	g.ADDQ(operand.U32(g.lanes*4), dst)
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("divide"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	g.loadMasked(mem(x, 0), m, 0, one)
	g.VDIVPS(by, one, one)
	g.storeMasked(one, m, 0, mem(dst, 0))
	g.Label("done")
	g.finish()
}
