package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Tile registers: four sums, two of A, two of B, all of 16 rows of 64 bytes. A row of A is 64 bytes of K; a row of B is as many K as
// fit in four bytes, for 16 columns, which is a row of a packed panel.
const (
	tileSums  = 0
	tileA     = 4
	tileB     = 6
	tileBytes = 16 * 64
)

// outTile is what a tile kernel writes.
type outTile struct {
	product string // TDPBUSD or TDPBF16PS
	out     outU8S8
	floats  bool // sums are floats: bias and relu by flags
}

// configureTiles sets all tiles to 16 rows of 64 bytes.
func (g *gen) configureTiles() {
	at := g.GP64()
	g.LEAQ(g.constant("tilecfg", 16, func(i int) uint32 {
		switch {
		case i == 0:
			return 1 // palette
		case i >= 4 && i < 8:
			return 64 | 64<<16 // bytes of a row
		case i >= 12 && i < 14:
			return 0x10101010 // rows
		}
		return 0
	}), at)
	g.raw("LDTILECFG", false, mem(at, 0))
}

// tileNest is the loop nest of a tile kernel:
//
//	for each two row tiles: for each two panels: section
type tileNest struct {
	*nest
	outTile
	row     reg.GPVirtual // 64: the distance between rows of a tile
	scratch reg.GPVirtual
	groups  operand.Mem // of 16 rows of B, whole ones
	rest    operand.Mem // rows of B past them
	aStride operand.Mem // bytes of a row tile
	cRow    operand.Mem // where C's row tile starts
}

// genGemmTile computes C from A in tiles and packed B, 32×32 at a time. The groups of K past the last 16 are copied to scratch and
// filled up with zeros; A has zeros there.
func genGemmTile(o outTile) func(*gen) {
	return func(g *gen) {
		n := &tileNest{nest: &nest{gen: g, cSize: 4}, outTile: o, row: g.GP64()}
		if o.out == toU8 {
			n.cSize = 1
		}
		n.configureTiles()
		n.groups, n.rest, n.aStride = g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)
		n.j, n.mLeft, n.cRow = g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)
		n.a, n.b, n.c, n.stride, n.scratch = g.GP64(), g.ptr("b"), g.GP64(), g.arg("groups", ""), g.ptr("scratch")
		t := n.copied(n.stride)
		g.SHRQ(operand.U8(4), t)
		g.MOVQ(t, n.groups)
		g.SHLQ(operand.U8(4), t)
		rest := n.copied(n.stride)
		g.SUBQ(t, rest)
		g.MOVQ(rest, n.rest)
		t2 := n.copied(n.stride)
		g.ADDQ(operand.U8(15), t2)
		g.SHRQ(operand.U8(4), t2)
		g.SHLQ(operand.U8(10), t2)
		g.MOVQ(t2, n.aStride)
		g.SHLQ(operand.U8(6), n.stride)
		g.MOVQ(operand.U32(64), n.row)
		n.padPanels()
		t3 := g.arg("m", "")
		g.MOVQ(t3, n.mLeft)
		g.MOVQ(g.param("a", "base"), n.a)
		t4 := g.ptr("c")
		g.MOVQ(t4, n.cRow)
		g.Label("rows")
		g.CMPQ(n.mLeft, operand.U32(0))
		g.JLE(operand.LabelRef("done"))
		g.CMPQ(n.mLeft, operand.U32(16))
		g.JLE(operand.LabelRef("one"))
		n.rowTiles(2)
		g.JMP(operand.LabelRef("rows"))
		g.Label("one")
		n.rowTiles(1)
		g.Label("done")
		g.raw("TILERELEASE", false)
		g.finish()
	}
}

// rowTiles computes all columns of rows row tiles.
func (g *tileNest) rowTiles(rows int) {
	loop, one, end := g.label("columns"), g.label("onepanel"), g.label("columnsend")
	g.MOVQ(operand.U32(0), g.j)
	g.MOVQ(g.param("b", "base"), g.b)
	g.MOVQ(g.cRow, g.c)
	g.Label(loop)
	left := g.columnsLeft()
	g.TESTQ(left, left)
	g.JLE(operand.LabelRef(end))
	g.CMPQ(left, operand.U32(panelCols))
	g.JLE(operand.LabelRef(one))
	g.sectionTiles(rows, 2)
	g.nextColumns(2)
	g.ADDQ(operand.U32(2*panelCols*g.cSize), g.c)
	g.JMP(operand.LabelRef(loop))
	g.Label(one)
	g.sectionTiles(rows, 1)
	g.Label(end)
	for range rows {
		g.ADDQ(g.aStride, g.a)
	}
	t := g.GP64()
	g.IMUL3Q(operand.U32(16*rows), g.ldc(), t)
	g.ADDQ(t, g.cRow)
	g.SUBQ(operand.U32(16*rows), g.mLeft)
}

// padded is the offset in scratch of the panels' last, incomplete 16 rows, after a buffer of 32×32 sums.
const padded = 4 * tileBytes

// padPanels copies the rows of each panel past the last whole 16 to scratch, with zeros below them.
func (g *tileNest) padPanels() {
	g.CMPQ(g.rest, operand.U32(0))
	g.JEQ(operand.LabelRef("whole"))
	panel, dst, cols := g.GP64(), g.GP64(), g.arg("n", "")
	g.MOVQ(g.groups, panel)
	g.SHLQ(operand.U8(10), panel)
	g.ADDQ(g.b, panel)
	g.LEAQ(mem(g.scratch, padded), dst)
	v, zero := g.vec(), g.vec()
	g.zero(zero)
	g.Label("panel")
	left, src, n := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(g.rest, left)
	g.MOVQ(panel, src)
	g.MOVQ(operand.U32(16), n)
	g.SUBQ(left, n)
	g.Label("copy")
	g.VMOVUPS(mem(src, 0), v)
	g.VMOVUPS(v, mem(dst, 0))
	g.ADDQ(operand.U32(64), src)
	g.ADDQ(operand.U32(64), dst)
	g.DECQ(left)
	g.JNE(operand.LabelRef("copy"))
	g.Label("zero")
	g.VMOVUPS(zero, mem(dst, 0))
	g.ADDQ(operand.U32(64), dst)
	g.DECQ(n)
	g.JNE(operand.LabelRef("zero"))
	g.ADDQ(g.stride, panel)
	g.SUBQ(operand.U32(panelCols), cols)
	g.CMPQ(cols, operand.U32(0))
	g.JLE(operand.LabelRef("whole"))
	g.JMP(operand.LabelRef("panel"))
	g.Label("whole")
}

// sectionTiles computes rows×panels tiles over all of K and writes them.
func (g *tileNest) sectionTiles(rows, panels int) {
	sum := func(r, p int) tileReg { return tileReg(tileSums + 2*r + p) }
	for r := range rows {
		for p := range panels {
			g.raw("TILEZERO", false, sum(r, p))
		}
	}
	a, b := []reg.GPVirtual{g.copied(g.a)}, []reg.GPVirtual{g.copied(g.b)}
	if rows > 1 {
		a = append(a, g.copied(g.a))
		g.ADDQ(g.aStride, a[1])
	}
	if panels > 1 {
		b = append(b, g.GP64())
		g.LEAQ(indexed(b[0], g.stride, 1, 0), b[1])
	}
	// step multiplies; the first product starts when a tile of A and one of B are there.
	step := func(at func(p int) operand.Mem) {
		for r := range rows {
			g.raw("TILELOADD", false, indexed(a[r], g.row, 1, 0), tileReg(tileA+r))
			for p := range panels {
				if r == 0 {
					g.raw("TILELOADD", false, at(p), tileReg(tileB+p))
				}
				g.raw(g.product, false, tileReg(tileB+p), tileReg(tileA+r), sum(r, p))
			}
		}
	}
	k, loop, rest, end := g.GP64(), g.label("k"), g.label("krest"), g.label("kend")
	g.MOVQ(g.groups, k)
	g.TESTQ(k, k)
	g.JEQ(operand.LabelRef(rest))
	g.Label(loop)
	step(func(p int) operand.Mem { return indexed(b[p], g.row, 1, 0) })
	for _, r := range append(a, b...) {
		g.ADDQ(operand.U32(tileBytes), r)
	}
	g.DECQ(k)
	g.JNE(operand.LabelRef(loop))
	g.Label(rest)
	g.CMPQ(g.rest, operand.U32(0))
	g.JEQ(operand.LabelRef(end))
	pad := g.GP64()
	g.MOVQ(g.j, pad)
	g.SHLQ(operand.U8(6), pad)
	g.ADDQ(g.scratch, pad)
	step(func(p int) operand.Mem { return indexed(pad, g.row, 1, padded+p*tileBytes) })
	g.Label(end)
	edge, done := g.label("edge"), g.label("stored")
	if g.out == toS32 {
		g.CMPQ(g.mLeft, operand.U32(16*rows))
		g.JLT(operand.LabelRef(edge))
		g.CMPQ(g.columnsLeft(), operand.U32(panelCols*panels))
		g.JLT(operand.LabelRef(edge))
		ldc, c := g.ldc(), g.copied(g.c)
		for r := range rows {
			if r > 0 {
				t := g.copied(ldc)
				g.SHLQ(operand.U8(4), t)
				g.ADDQ(t, c)
			}
			for p := range panels {
				g.raw("TILESTORED", false, sum(r, p), indexed(c, ldc, 1, 64*p))
			}
		}
		g.JMP(operand.LabelRef(done))
	}
	g.Label(edge)
	for p := range panels {
		for r := range rows {
			g.raw("TILESTORED", false, sum(r, p), indexed(g.scratch, g.row, 1, (2*p+r)*tileBytes))
		}
	}
	for p := range panels {
		g.storeRows(p, rows)
	}
	g.Label(done)
}

// storeRows finishes the rows of panel p that lie in scratch and writes them to C.
func (g *tileNest) storeRows(p, rows int) {
	cols := g.columnsLeft()
	wide := g.label("wide")
	g.SUBQ(operand.U32(panelCols*p), cols)
	g.CMPQ(cols, operand.U32(panelCols))
	g.JLE(operand.LabelRef(wide))
	g.MOVQ(operand.U32(panelCols), cols)
	g.Label(wide)
	e := edge{nest: g.nest, mask: g.newMask(cols, 1)}
	n, many := g.GP64(), g.label("many")
	g.MOVQ(g.mLeft, n)
	g.CMPQ(n, operand.U32(16*rows))
	g.JLE(operand.LabelRef(many))
	g.MOVQ(operand.U32(16*rows), n)
	g.Label(many)
	src, c, ldc := g.GP64(), g.GP64(), g.ldc()
	g.LEAQ(mem(g.scratch, 2*p*tileBytes), src)
	g.LEAQ(mem(g.c, g.cSize*panelCols*p), c)
	row := g.finisher(e, p)
	loop := g.label("row")
	g.Label(loop)
	v := g.vec()
	g.VMOVUPS(mem(src, 0), v)
	row(v)
	if g.out == toU8 {
		g.VPMOVDB(v, e.mask.bits[0], mem(c, 0))
	} else {
		e.storeMasked(v, e.mask, 0, mem(c, 0))
	}
	g.ADDQ(operand.U32(64), src)
	g.ADDQ(ldc, c)
	g.DECQ(n)
	g.JNE(operand.LabelRef(loop))
}

// finisher loads what the columns of panel p need and returns the epilogue of a row.
func (g *tileNest) finisher(e edge, p int) func(v reg.VecVirtual) {
	column := func(name string) reg.VecVirtual {
		v := g.vec()
		e.loadMasked(g.columnVector(name, p), e.mask, 0, v)
		return v
	}
	switch {
	case g.floats:
		bias := g.vec()
		g.VMOVUPS(g.f32(float32(math.Copysign(0, -1))), bias) // the one number that changes none
		g.ifFlag(gemmBias, func() { e.loadMasked(g.columnVector("bias", p), e.mask, 0, bias) })
		low := g.floor("flags", gemmRelu)
		return func(v reg.VecVirtual) {
			g.VADDPS(bias, v, v)
			g.VMAXPS(v, low, v)
		}
	case g.out == toS32:
		return func(reg.VecVirtual) {}
	}
	bias, factor := column("bias"), column(map[outU8S8]string{toU8: "mult", toF32: "scale"}[g.out])
	scale := func(v reg.VecVirtual) {
		g.VPADDD(bias, v, v)
		g.VCVTDQ2PS(v, v)
		g.VMULPS(factor, v, v)
	}
	if g.out == toU8 {
		lo, hi, zp := g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
		return func(v reg.VecVirtual) {
			scale(v)
			g.clampRound(v, lo, hi, zp)
		}
	}
	low := g.floor("relu", 1)
	return func(v reg.VecVirtual) {
		scale(v)
		g.VMAXPS(v, low, v)
	}
}

// floor loads what relu clamps at: 0 where the bit of the argument is set, else −Inf. Clamping leaves NaN alone.
func (g *tileNest) floor(arg string, bit int) reg.VecVirtual {
	low, none := g.vec(), g.label("none")
	g.VMOVUPS(g.u32(math.Float32bits(float32(math.Inf(-1)))), low)
	g.TESTQ(operand.U32(bit), g.arg(arg, ""))
	g.JEQ(operand.LabelRef(none))
	g.VXORPS(low, low, low)
	g.Label(none)
	return low
}
