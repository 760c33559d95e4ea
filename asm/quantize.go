package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// clampRound emits v = int(roundeven(min(max(v, lo), hi))) + zp; NaN becomes lo.
func (g *gen) clampRound(v, lo, hi, zp reg.VecVirtual) {
	g.VMAXPS(lo, v, v)
	g.VMINPS(hi, v, v)
	g.VCVTPS2DQ(v, v)
	g.VPADDD(zp, v, v)
}

// storeBytes stores the low n < 16 bytes of v at dst by powers of two. It clobbers v and dst; n is only tested.
func (g *gen) storeBytes(v reg.Register, n, dst reg.GPVirtual) {
	for _, size := range []int{8, 4, 2, 1} {
		skip := g.label("skip")
		g.TESTQ(operand.U32(size), n)
		g.JEQ(operand.LabelRef(skip))
		switch size {
		case 8:
			g.VMOVQ(v, mem(dst, 0))
		case 4:
			g.VMOVD(v, mem(dst, 0))
		case 2:
			g.VPEXTRW(operand.U8(0), v, mem(dst, 0))
		case 1:
			g.VPEXTRB(operand.U8(0), v, mem(dst, 0))
		}
		if size > 1 {
			g.VPSRLDQ(operand.U8(size), v, v)
			g.ADDQ(operand.U8(size), dst)
		}
		g.Label(skip)
	}
}

// genQuantize divides, clamps and rounds one vector at a time.
func genQuantize(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	scale, zp := g.broadcastArg("scale"), g.broadcastArg("zp")
	lo, hi, v := g.vec(), g.vec(), g.vec()
	g.VXORPS(lo, lo, lo)
	g.VPSUBD(zp, lo, lo) // −zp
	g.VPADDD(g.u32(255), lo, hi)
	g.VCVTDQ2PS(lo, lo)
	g.VCVTDQ2PS(hi, hi)
	convert := func() {
		g.VDIVPS(scale, v, v)
		g.clampRound(v, lo, hi, zp)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(g.lanes))
	g.JLT(operand.LabelRef("tail"))
	g.VMOVUPS(mem(x, 0), v)
	convert()
	if g.wide() {
		g.VPMOVDB(v, mem(dst, 0))
	} else {
		g.packBytes8(v)
		g.VMOVQ(xmm(v), mem(dst, 0))
	}
	g.ADDQ(operand.U32(4*g.lanes), x)
	g.ADDQ(operand.U32(g.lanes), dst)
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	left := g.GP64()
	g.MOVQ(n, left)
	m := g.newMask(n, 1)
	g.loadMasked(mem(x, 0), m, 0, v)
	convert()
	if g.wide() {
		g.VPMOVDB(v, m.bits[0], mem(dst, 0))
	} else {
		g.packBytes8(v)
		g.storeBytes(xmm(v), left, dst)
	}
	g.Label("done")
	g.finish()
}

// packBytes8 narrows the eight elements of a YMM, each 0…255, to its low eight bytes.
func (g *gen) packBytes8(v reg.VecVirtual) {
	h := g.XMM()
	g.VEXTRACTI128(operand.U8(1), v, h)
	g.VPACKUSDW(h, xmm(v), xmm(v))
	g.VPACKUSWB(xmm(v), xmm(v), xmm(v))
}

// genDequantize widens one vector at a time; the AVX2 rest goes element by element.
func genDequantize(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	scale, zp, v := g.broadcastArg("scale"), g.broadcastArg("zp"), g.vec()
	convert := func() {
		g.VPSUBD(zp, v, v)
		g.VCVTDQ2PS(v, v)
		g.VMULPS(scale, v, v)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(g.lanes))
	g.JLT(operand.LabelRef("tail"))
	g.VPMOVZXBD(mem(x, 0), v)
	convert()
	g.VMOVUPS(v, mem(dst, 0))
	g.ADDQ(operand.U32(g.lanes), x)
	g.ADDQ(operand.U32(4*g.lanes), dst)
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	if g.wide() {
		m := g.newMask(n, 1)
		g.VMOVDQU8_Z(mem(x, 0), m.bits[0], xmm(v))
		g.VPMOVZXBD(xmm(v), v)
		convert()
		g.storeMasked(v, m, 0, mem(dst, 0))
	} else {
		b := g.GP32()
		g.MOVBLZX(mem(x, 0), b)
		g.VMOVD(b, xmm(v))
		convert()
		g.VMOVSS(xmm(v), mem(dst, 0))
		g.INCQ(x)
		g.ADDQ(operand.U8(4), dst)
		g.DECQ(n)
		g.JMP(operand.LabelRef("tail"))
	}
	g.Label("done")
	g.finish()
}
