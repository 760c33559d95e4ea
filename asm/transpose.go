package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genTranspose transposes squares of 8 × 8 in YMM registers, on every tier: row after row of squares. Loading rows r and r+4 into the two
// halves of a register leaves only shuffles within halves.
func genTranspose(g *gen) {
	dst, src, rows := g.ptr("dst"), g.ptr("src"), g.arg("rows", "")
	ldd, lds := g.arg("ldd", ""), g.arg("lds", "")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(2), lds)
	g.Label("rows")
	g.TESTQ(rows, rows)
	g.JEQ(operand.LabelRef("done"))
	s, d, cols := [3]reg.GPVirtual{g.GP64(), g.GP64(), g.GP64()}, [3]reg.GPVirtual{g.GP64(), g.GP64(), g.GP64()}, g.arg("cols", "")
	g.thirds(src, lds, s)
	g.thirds(dst, ldd, d)
	g.Label("cols")
	g.TESTQ(cols, cols)
	g.JEQ(operand.LabelRef("next"))
	for half := range 2 { // columns 0–3, then 4–7
		var v [4]reg.VecVirtual
		for r := range v {
			v[r] = g.YMM()
			g.VMOVUPS(indexed(s[r/3], lds, r%3, 16*half), v[r].AsX())
			g.VINSERTF128(operand.U8(1), indexed(s[(r+4)/3], lds, (r+4)%3, 16*half), v[r], v[r])
		}
		t := [4]reg.VecVirtual{g.YMM(), g.YMM(), g.YMM(), g.YMM()}
		g.VUNPCKLPS(v[1], v[0], t[0])
		g.VUNPCKHPS(v[1], v[0], t[1])
		g.VUNPCKLPS(v[3], v[2], t[2])
		g.VUNPCKHPS(v[3], v[2], t[3])
		for c := range 4 {
			out, at := g.YMM(), 4*half+c
			if c%2 == 0 {
				g.VUNPCKLPD(t[2+c/2], t[c/2], out)
			} else {
				g.VUNPCKHPD(t[2+c/2], t[c/2], out)
			}
			g.VMOVUPS(out, indexed(d[at/3], ldd, at%3, 0))
		}
	}
	for i := range s {
		g.ADDQ(operand.U32(32), s[i])
		g.LEAQ(indexed(d[i], ldd, 8, 0), d[i])
	}
	g.SUBQ(operand.U32(8), cols)
	g.JMP(operand.LabelRef("cols"))
	g.Label("next")
	g.LEAQ(indexed(src, lds, 8, 0), src)
	g.ADDQ(operand.U32(32), dst)
	g.SUBQ(operand.U32(8), rows)
	g.JMP(operand.LabelRef("rows"))
	g.Label("done")
	g.finish()
}

// thirds sets p to base, three and six strides on: with an index of 0, 1 or 2 strides they reach eight rows.
func (g *gen) thirds(base, stride reg.GPVirtual, p [3]reg.GPVirtual) {
	g.MOVQ(base, p[0])
	for i := range 2 {
		g.LEAQ(indexed(p[i], stride, 2, 0), p[i+1])
		g.ADDQ(stride, p[i+1])
	}
}
