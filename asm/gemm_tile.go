package asm

import (
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
//
// What the loop over K does not need lies on the stack: finishing the section before takes registers in it.
type tileNest struct {
	*nest
	outTile
	row     reg.GPVirtual // 64: the distance between rows of a tile
	groups  operand.Mem   // of 16 rows of B, whole ones
	rest    operand.Mem   // rows of B past them
	aStride operand.Mem   // bytes of a row tile
	aRow    operand.Mem   // the row tile of A
	cRow    operand.Mem   // where C's row tile starts
	turn    operand.Mem   // 1 where the next section goes down along K
	cStep   operand.Mem   // bytes of a row of C
	ahead   operand.Mem   // where fetching panels goes on
	aheadBy operand.Mem   // by how many bytes a step
	pending *pending
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
		for _, local := range []*operand.Mem{&n.groups, &n.rest, &n.aStride, &n.aRow, &n.cRow, &n.turn, &n.ahead, &n.aheadBy, &n.cStep,
			&n.j, &n.mLeft} {
			*local = g.AllocLocal(8)
		}
		n.b, n.stride = g.ptr("b"), g.arg("groups", "")
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
		n.padPanels()
		n.startAhead()
		g.MOVQ(operand.U32(64), n.row)
		g.MOVQ(operand.U32(0), n.turn)
		n.newPending()
		t3 := g.arg("m", "")
		g.MOVQ(t3, n.mLeft)
		t4 := g.ptr("a")
		g.MOVQ(t4, n.aRow)
		t5 := g.ptr("c")
		g.MOVQ(t5, n.cRow)
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
		if o.out != toS32 {
			n.finishRows()
		}
		g.raw("TILERELEASE", false)
		g.finish()
	}
}

const (
	// aheadRows rows of A from where a call fetches the panels behind its own to the second-level cache, aheadLines cache lines at each
	// step of K: the next call then finds as many columns there as this one has. u8 outputs at 2048³ take 0.89 of the time (Emerald Rapids).
	aheadRows, aheadLines = 256, 4
)

// startAhead sets where fetching starts: behind the panels of the call.
func (g *tileNest) startAhead() {
	ldc := g.ldc()
	g.MOVQ(ldc, g.cStep)
	panels, end, by, few := g.arg("n", ""), g.GP64(), g.GP64(), g.label("few")
	g.ADDQ(operand.U8(panelCols-1), panels)
	g.SHRQ(operand.U8(4), panels)
	g.MOVQ(g.b, end)
	g.IMULQ(g.stride, panels)
	g.ADDQ(panels, end)
	g.MOVQ(end, g.ahead)
	g.MOVQ(operand.U32(0), by)
	m := g.arg("m", "")
	g.CMPQ(m, operand.U32(aheadRows))
	g.JLT(operand.LabelRef(few))
	g.MOVQ(operand.U32(64*aheadLines), by)
	g.Label(few)
	g.MOVQ(by, g.aheadBy)
}

// rowTiles computes all columns of rows row tiles.
func (g *tileNest) rowTiles(rows int) {
	loop, one, end := g.label("columns"), g.label("onepanel"), g.label("columnsend")
	g.MOVQ(operand.U32(0), g.j)
	g.MOVQ(g.param("b", "base"), g.b)
	g.Label(loop)
	left := g.columnsLeft()
	g.TESTQ(left, left)
	g.JLE(operand.LabelRef(end))
	g.CMPQ(left, operand.U32(panelCols))
	g.JLE(operand.LabelRef(one))
	g.sectionTiles(rows, 2)
	g.stride = g.panelBytes()
	g.nextColumns(2)
	g.JMP(operand.LabelRef(loop))
	g.Label(one)
	g.sectionTiles(rows, 1)
	g.Label(end)
	a, t := g.GP64(), g.GP64()
	g.MOVQ(g.aStride, a)
	g.IMUL3Q(operand.U32(rows), a, a)
	g.ADDQ(a, g.aRow)
	g.IMUL3Q(operand.U32(16*rows), g.ldc(), t)
	g.ADDQ(t, g.cRow)
	g.SUBQ(operand.U32(16*rows), g.mLeft)
}

// panelBytes returns the bytes of a panel of B.
func (g *tileNest) panelBytes() reg.GPVirtual {
	n := g.arg("groups", "")
	g.SHLQ(operand.U8(6), n)
	return n
}

// cAt returns where the section's C starts.
func (g *tileNest) cAt() reg.GPVirtual {
	c := g.GP64()
	g.MOVQ(g.j, c)
	if g.cSize > 1 {
		g.SHLQ(operand.U8(2), c)
	}
	g.ADDQ(g.cRow, c)
	return c
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
	g.LEAQ(mem(g.ptr("scratch"), padded), dst)
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

// sectionTiles computes rows×panels tiles over all of K and leaves them to be finished, or writes them where nothing is left to do. Exact
// sums take K up and down in turns, which finds more of A in the first-level cache: calls take 0.9 of the time at K = 1024.
func (g *tileNest) sectionTiles(rows, panels int) {
	sum := func(r, p int) tileReg { return tileReg(tileSums + 2*r + p) }
	for r := range rows {
		for p := range panels {
			g.raw("TILEZERO", false, sum(r, p))
		}
	}
	t := g.GP64()
	g.MOVQ(g.aRow, t)
	a, b := []reg.GPVirtual{t}, []reg.GPVirtual{g.copied(g.b)}
	if rows > 1 {
		a = append(a, g.copied(a[0]))
		g.ADDQ(g.aStride, a[1])
	}
	if panels > 1 {
		b = append(b, g.panelBytes())
		g.ADDQ(b[0], b[1])
	}
	// step multiplies; the first product starts when a tile of A and one of B are there.
	step := func(at func(p int) operand.Mem, beside func()) {
		for r := range rows {
			g.raw("TILELOADD", false, indexed(a[r], g.row, 1, 0), tileReg(tileA+r))
			for p := range panels {
				if r == 0 {
					g.raw("TILELOADD", false, at(p), tileReg(tileB+p))
				}
				g.raw(g.product, false, tileReg(tileB+p), tileReg(tileA+r), sum(r, p))
				beside()
			}
		}
	}
	kdone, k, both, loop, rest, end := g.label("kdone"), g.GP64(), g.label("kboth"), g.label("k"), g.label("krest"), g.label("kend")
	g.MOVQ(g.groups, k)
	g.TESTQ(k, k)
	g.JEQ(operand.LabelRef(rest))
	by := g.GP64()
	g.MOVQ(operand.I32(tileBytes), by)
	if !g.floats {
		up, set := g.label("up"), g.label("set")
		g.CMPQ(g.turn, operand.U32(0))
		g.JEQ(operand.LabelRef(up))
		last := g.copied(k)
		g.DECQ(last)
		g.SHLQ(operand.U8(10), last)
		for _, r := range append(a, b...) {
			g.ADDQ(last, r)
		}
		g.MOVQ(operand.I32(-tileBytes), by)
		g.MOVQ(operand.U32(0), g.turn)
		g.JMP(operand.LabelRef(set))
		g.Label(up)
		g.MOVQ(operand.U32(1), g.turn)
		g.Label(set)
	}
	ahead := g.GP64()
	g.MOVQ(g.ahead, ahead)
	round := func(beside func()) {
		for i := range aheadLines {
			g.PREFETCHT1(mem(ahead, 64*i))
		}
		g.ADDQ(g.aheadBy, ahead)
		step(func(p int) operand.Mem { return indexed(b[p], g.row, 1, 0) }, beside)
		for _, r := range append(a, b...) {
			g.ADDQ(by, r)
		}
		g.DECQ(k)
	}
	beside := g.beside(rows, panels)
	g.Label(both)
	g.CMPQ(g.pending.left, operand.U32(rows*panels))
	g.JLT(operand.LabelRef(loop))
	round(beside)
	g.JNE(operand.LabelRef(both))
	g.JMP(operand.LabelRef(kdone))
	g.Label(loop)
	round(func() {})
	g.JNE(operand.LabelRef(loop))
	g.Label(kdone)
	g.MOVQ(ahead, g.ahead)
	g.Label(rest)
	g.CMPQ(g.rest, operand.U32(0))
	g.JEQ(operand.LabelRef(end))
	pad := g.GP64()
	g.MOVQ(g.j, pad)
	g.SHLQ(operand.U8(6), pad)
	g.ADDQ(g.param("scratch", "base"), pad)
	if !g.floats { // A's last tile is not where going down ends
		t := g.GP64()
		g.MOVQ(g.groups, t)
		g.SHLQ(operand.U8(10), t)
		g.MOVQ(g.aRow, a[0])
		g.ADDQ(t, a[0])
		if rows > 1 {
			g.MOVQ(a[0], a[1])
			g.ADDQ(g.aStride, a[1])
		}
	}
	step(func(p int) operand.Mem { return indexed(pad, g.row, 1, padded+p*tileBytes) }, func() {})
	g.Label(end)
	done := g.label("stored")
	if g.out == toS32 {
		edge := g.label("edge")
		g.CMPQ(g.mLeft, operand.U32(16*rows))
		g.JLT(operand.LabelRef(edge))
		g.CMPQ(g.columnsLeft(), operand.U32(panelCols*panels))
		g.JLT(operand.LabelRef(edge))
		ldc, c := g.ldc(), g.cAt()
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
		g.Label(edge)
	} else {
		g.finishRows()
	}
	scratch := g.ptr("scratch")
	for p := range panels {
		for r := range rows {
			g.raw("TILESTORED", false, sum(r, p), indexed(scratch, g.row, 1, (2*p+r)*tileBytes))
		}
	}
	g.leave(rows)
	if g.out == toS32 {
		g.finishRows()
	}
	g.Label(done)
}

// beside returns what is done after each product of a section: a row of the section before is finished, and one of this section's C is
// fetched, for whose lines the stores would wait.
func (g *tileNest) beside(rows, panels int) func() {
	c := g.cAt()
	if g.out == toS32 { // fetches only
		g.MOVQ(operand.U32(16*rows), g.pending.left)
	}
	return func() {
		if g.out == toS32 {
			g.DECQ(g.pending.left)
		} else {
			g.finishRow()
		}
		if g.cSize == 4 {
			for p := range panels {
				g.PREFETCHT0(mem(c, 64*p))
			}
			g.ADDQ(g.cStep, c)
		}
	}
}
