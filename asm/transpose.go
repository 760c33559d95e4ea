package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transposition holds a transpose's arguments in registers: rows are those left, strides in bytes.
type transposition struct{ dst, src, rows, ldd, lds reg.GPVirtual }

func newTransposition(g *gen) transposition {
	t := transposition{g.ptr("dst"), g.ptr("src"), g.arg("rows", ""), g.arg("ldd", ""), g.arg("lds", "")}
	g.SHLQ(operand.U8(2), t.ldd)
	g.SHLQ(operand.U8(2), t.lds)
	return t
}

// genTranspose transposes squares of 8 × 8 in YMM registers.
func genTranspose(g *gen) {
	newTransposition(g).squares(g)
	g.finish()
}

// genTransposeStrips transposes strips of 16 rows in ZMM registers, 4 columns at a time, so that each store is a full line of the cache, and
// the last 8 rows as genTranspose does.
func genTransposeStrips(g *gen) {
	t := newTransposition(g)
	g.Label("strips")
	g.CMPQ(t.rows, operand.U32(16))
	g.JLT(operand.LabelRef("rest"))
	low, high, d, cols := g.gps(), g.gps(), g.gps(), g.arg("cols", "")
	g.thirds(t.src, t.lds, low)
	g.LEAQ(indexed(t.src, t.lds, 8, 0), high[0])
	g.thirds(high[0], t.lds, high)
	g.MOVQ(t.dst, d[0])
	g.LEAQ(indexed(t.dst, t.ldd, 2, 0), d[1])
	g.Label("fours")
	g.TESTQ(cols, cols)
	g.JEQ(operand.LabelRef("nextstrip"))
	var v [4]reg.VecVirtual // quarter q of v[r] is row r + 4q
	for r := range v {
		v[r] = g.ZMM()
		g.VMOVUPS(indexed(low[r/3], t.lds, r%3, 0), v[r].AsX())
		for q := 1; q < 4; q++ {
			p, at := low, r+4*q
			if q > 1 {
				p, at = high, r+4*q-8
			}
			g.VINSERTF32X4(operand.U8(q), indexed(p[at/3], t.lds, at%3, 0), v[r], v[r])
		}
	}
	for c, out := range g.transposed4(v) {
		g.VMOVUPS(out, indexed(d[c/2], t.ldd, c%2, 0))
	}
	for i := range low {
		g.ADDQ(operand.U32(16), low[i])
		g.ADDQ(operand.U32(16), high[i])
	}
	for i := range 2 {
		g.LEAQ(indexed(d[i], t.ldd, 4, 0), d[i])
	}
	g.SUBQ(operand.U32(4), cols)
	g.JMP(operand.LabelRef("fours"))
	g.Label("nextstrip")
	for range 2 {
		g.LEAQ(indexed(t.src, t.lds, 8, 0), t.src)
	}
	g.ADDQ(operand.U32(64), t.dst)
	g.SUBQ(operand.U32(16), t.rows)
	g.JMP(operand.LabelRef("strips"))
	g.Label("rest")
	t.squares(g)
	g.finish()
}

// gps allocates what thirds wants.
func (g *gen) gps() [3]reg.GPVirtual { return [3]reg.GPVirtual{g.GP64(), g.GP64(), g.GP64()} }

// squares transposes row after row of squares of 8 × 8. Loading rows r and r+4 into the two halves of a register leaves only shuffles within
// halves.
func (t transposition) squares(g *gen) {
	dst, src, rows, ldd, lds := t.dst, t.src, t.rows, t.ldd, t.lds
	g.Label("rows")
	g.TESTQ(rows, rows)
	g.JEQ(operand.LabelRef("done"))
	s, d, cols := g.gps(), g.gps(), g.arg("cols", "")
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
			if upper := indexed(s[(r+4)/3], lds, (r+4)%3, 16*half); g.wide() { // registers from 16 on have no VEX encoding
				g.VINSERTF32X4(operand.U8(1), upper, v[r], v[r])
			} else {
				g.VINSERTF128(operand.U8(1), upper, v[r], v[r])
			}
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
}

// thirds sets p to base, three and six strides on: with an index of 0, 1 or 2 strides they reach eight rows.
func (g *gen) thirds(base, stride reg.GPVirtual, p [3]reg.GPVirtual) {
	if base != p[0] {
		g.MOVQ(base, p[0])
	}
	for i := range 2 {
		g.LEAQ(indexed(p[i], stride, 2, 0), p[i+1])
		g.ADDQ(stride, p[i+1])
	}
}
