package asm

import "github.com/mmcloughlin/avo/operand"

// genPack copies rows of whole panels: each row is read from start to end, each panel of it goes to its own place.
func genPack(g *gen) {
	dst, src, rows := g.ptr("dst"), g.ptr("src"), g.arg("rows", "")
	ldd, lds := g.arg("ldd", ""), g.arg("lds", "")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(2), lds)
	from, to, left := g.GP64(), g.GP64(), g.GP64()
	g.Label("row")
	g.TESTQ(rows, rows)
	g.JEQ(operand.LabelRef("done"))
	g.MOVQ(src, from)
	g.MOVQ(dst, to)
	g.MOVQ(g.param("panels", ""), left)
	g.TESTQ(left, left)
	g.JEQ(operand.LabelRef("done"))
	g.Label("panel")
	for v := 0; v < panelCols/g.lanes; v++ {
		x := g.vec()
		g.VMOVUPS(mem(from, 4*v*g.lanes), x)
		g.VMOVUPS(x, mem(to, 4*v*g.lanes))
	}
	g.ADDQ(operand.U32(4*panelCols), from)
	g.ADDQ(ldd, to)
	g.DECQ(left)
	g.JNE(operand.LabelRef("panel"))
	g.ADDQ(lds, src)
	g.ADDQ(operand.U32(4*panelCols), dst)
	g.DECQ(rows)
	g.JMP(operand.LabelRef("row"))
	g.Label("done")
	g.finish()
}
