package asm

import (
	"github.com/mmcloughlin/avo/operand"
)

// genCorrect adds p·x + q·y to c in s32, one vector at a time.
func genCorrect(g *gen) {
	c, x, y, n := g.ptr("c"), g.ptr("x"), g.ptr("y"), g.length("c")
	p, q := g.broadcastArg("p"), g.broadcastArg("q")
	sum, a, b := g.vec(), g.vec(), g.vec()
	add := func() {
		g.VPMULLD(p, a, a)
		g.VPMULLD(q, b, b)
		g.VPADDD(a, sum, sum)
		g.VPADDD(b, sum, sum)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(g.lanes))
	g.JLT(operand.LabelRef("tail"))
	g.VMOVUPS(mem(c, 0), sum)
	g.VMOVUPS(mem(x, 0), a)
	g.VMOVUPS(mem(y, 0), b)
	add()
	g.VMOVUPS(sum, mem(c, 0))
	g.ADDQ(operand.U32(4*g.lanes), c)
	g.ADDQ(operand.U32(4*g.lanes), x)
	g.ADDQ(operand.U32(4*g.lanes), y)
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	g.loadMasked(mem(c, 0), m, 0, sum)
	g.loadMasked(mem(x, 0), m, 0, a)
	g.loadMasked(mem(y, 0), m, 0, b)
	add()
	g.storeMasked(sum, m, 0, mem(c, 0))
	g.Label("done")
	g.finish()
}

// genXor writes x exclusive-or v, 64 bytes at a time.
func genXor(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	v := g.broadcastArg("v")
	g.SUBQ(operand.U32(64), n)
	g.JLT(operand.LabelRef("done"))
	g.Label("loop")
	for at := 0; at < 64; at += 4 * g.lanes {
		t := g.vec()
		g.VXORPS(mem(x, at), v, t)
		g.VMOVUPS(t, mem(dst, at))
	}
	g.ADDQ(operand.U32(64), x)
	g.ADDQ(operand.U32(64), dst)
	g.SUBQ(operand.U32(64), n)
	g.JGE(operand.LabelRef("loop"))
	g.Label("done")
	g.finish()
}
