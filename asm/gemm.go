package asm

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelCols is the width of a packed panel of B.
const panelCols = 16

// tile is a block of C held in registers: rows × panels·16.
type tile struct{ rows, panels int }

// height is a number of rows, used while that many or at least from are left. A from above rows keeps the last tiles from
// being flat: 8 rows are 4 and 4, not 6 and 2.
type height struct{ rows, from int }

// shape lists the tiles of a GEMM kernel.
type shape struct {
	// narrow tiles serve m = tile.rows alone. They are wider, because few rows times one panel are too few chains to hide the
	// latency of a multiply-add.
	narrow []tile
	panels []int    // widths, descending, the last 1
	rows   []height // descending, the last 1
	// ahead returns how many cache lines of the next column group a tile of this height fetches per unrolled step of K; nil for
	// none. The row tiles of a group share the work: each goes on where the one above it stopped.
	ahead func(rows int) int
	far   bool // fetch them to the second-level cache
}

// nest is the loop nest around the tiles, shared by all GEMM kernels:
//
//	for each column group: for each row tile: section(tile)
//
// It owns the current tile's pointers. State that the inner loop does not need lives on the stack or is read again from the
// arguments, because 14 row tiles use nearly all general registers.
type nest struct {
	*gen
	cSize    int           // bytes of an element of C
	lda      reg.GPVirtual // bytes
	stride   reg.GPVirtual // bytes of a panel, or of a row of B
	plain    bool          // B is a row-major matrix, not packed
	a, b, c  reg.GPVirtual // current tile
	j, mLeft operand.Mem   // first column of the tile; rows from the tile down
	next     operand.Mem   // where fetching ahead goes on, if ahead is set
	ahead    func(rows int) int
	far      bool
	edge     mask // opmask of the last panel (AVX-512)
	section  func(t tile, full bool)
}

// emit generates the nest. lda counts elements of 1<<aShift bytes.
func (g *nest) emit(s shape, aShift int) {
	g.lda = g.arg("lda", "")
	if aShift > 0 {
		g.SHLQ(operand.U8(aShift), g.lda)
	}
	g.a, g.b, g.c = g.GP64(), g.ptr("b"), g.GP64()
	g.j, g.mLeft = g.AllocLocal(8), g.AllocLocal(8)
	if g.ahead, g.far = s.ahead, s.far; g.ahead != nil {
		g.next = g.AllocLocal(8)
	}
	g.MOVQ(operand.U32(0), g.j)
	for _, t := range s.narrow {
		skip := g.label("wide")
		g.CMPQ(g.param("m", ""), operand.U32(t.rows))
		g.JNE(operand.LabelRef(skip))
		loop := g.label("narrow")
		g.Label(loop)
		g.CMPQ(g.columnsLeft(), operand.U32(t.panels*panelCols))
		g.JLT(operand.LabelRef(skip))
		g.startRows(1) // nothing is fetched ahead
		g.section(t, true)
		g.nextColumns(t.panels)
		g.JMP(operand.LabelRef(loop))
		g.Label(skip)
	}
	g.Label("columns")
	left := g.columnsLeft()
	g.TESTQ(left, left)
	g.JLE(operand.LabelRef("done"))
	for i, p := range s.panels {
		narrower := fmt.Sprintf("panels%d", p-1)
		if i < len(s.panels)-1 {
			g.CMPQ(left, operand.U32(s.panels[i+1]*panelCols))
			g.JLE(operand.LabelRef(narrower))
		}
		if g.wide() {
			g.SUBQ(operand.U32((p-1)*panelCols), left)
			g.edge = g.newMask(left, 1)
		}
		g.startRows(p)
		for _, r := range s.rows {
			loop, smaller := g.label("rows"), g.label("fewer")
			g.Label(loop)
			if r.from > r.rows {
				use := g.label("use")
				g.CMPQ(g.mLeft, operand.U32(r.rows))
				g.JEQ(operand.LabelRef(use))
				g.CMPQ(g.mLeft, operand.U32(r.from))
				g.JLT(operand.LabelRef(smaller))
				g.Label(use)
			} else {
				g.CMPQ(g.mLeft, operand.U32(r.rows))
				g.JLT(operand.LabelRef(smaller))
			}
			g.section(tile{r.rows, p}, false)
			g.nextRows(r.rows)
			g.JMP(operand.LabelRef(loop))
			g.Label(smaller)
		}
		g.nextColumns(p)
		g.JMP(operand.LabelRef("columns"))
		if i < len(s.panels)-1 {
			g.Label(narrower)
			left = g.columnsLeft()
		}
	}
	g.Label("done")
	g.finish()
}

// columnsLeft returns n − j.
func (g *nest) columnsLeft() reg.GPVirtual {
	left := g.arg("n", "")
	g.SUBQ(g.j, left)
	return left
}

// startRows points a and c at the first row of a column group of 1 or 2 panels, after which fetching ahead begins.
func (g *nest) startRows(panels int) {
	rows := g.arg("m", "")
	g.MOVQ(rows, g.mLeft)
	g.MOVQ(g.param("a", "base"), g.a)
	g.MOVQ(g.j, g.c)
	if g.cSize > 1 {
		g.SHLQ(operand.U8(2), g.c)
	}
	g.ADDQ(g.param("c", "base"), g.c)
	if g.ahead != nil {
		next := g.GP64()
		g.LEAQ(indexed(g.b, g.stride, panels, 0), next)
		g.MOVQ(next, g.next)
	}
}

// fetcher fetches cache lines of the next column group, a few at each step of K.
type fetcher struct {
	*nest
	lines int
	at    reg.GPVirtual
}

// newFetcher goes on where the tile above stopped. Narrow tiles read several panels at once, which the hardware follows well.
func (g *nest) newFetcher(t tile, full bool) fetcher {
	f := fetcher{nest: g}
	if g.ahead != nil && !full {
		f.lines = g.ahead(t.rows)
	}
	if f.lines > 0 {
		f.at = g.GP64()
		g.MOVQ(g.next, f.at)
	}
	return f
}

func (f fetcher) step() {
	for i := range f.lines {
		if f.far {
			f.PREFETCHT1(mem(f.at, 64*i))
		} else {
			f.PREFETCHT0(mem(f.at, 64*i))
		}
	}
	if f.lines > 0 {
		f.ADDQ(operand.U32(64*f.lines), f.at)
	}
}

func (f fetcher) save() {
	if f.lines > 0 {
		f.MOVQ(f.at, f.next)
	}
}

// nextRows moves a and c down.
func (g *nest) nextRows(rows int) {
	t := g.GP64()
	g.IMUL3Q(operand.U32(rows), g.lda, t)
	g.ADDQ(t, g.a)
	g.IMUL3Q(operand.U32(rows), g.ldc(), t)
	g.ADDQ(t, g.c)
	g.SUBQ(operand.U32(rows), g.mLeft)
}

// nextColumns moves b and j right.
func (g *nest) nextColumns(panels int) {
	if g.plain {
		g.ADDQ(operand.U32(panels*panelCols*4), g.b)
	} else {
		t := g.GP64()
		g.IMUL3Q(operand.U32(panels), g.stride, t)
		g.ADDQ(t, g.b)
	}
	g.ADDQ(operand.U32(panels*panelCols), g.j)
}

// ldc returns the row distance of C in bytes.
func (g *nest) ldc() reg.GPVirtual {
	r := g.arg("ldc", "")
	if g.cSize > 1 {
		g.SHLQ(operand.U8(2), r)
	}
	return r
}

// vectors returns the vectors of a panel.
func (g *nest) vectors() int { return panelCols / g.lanes }

// accumulators allocates and clears a tile, row by row.
func (g *nest) accumulators(t tile) [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, t.rows)
	for r := range acc {
		acc[r] = g.vecs(t.panels * g.vectors())
		for _, v := range acc[r] {
			g.zero(v)
		}
	}
	return acc
}

// strided addresses n rows that lie step bytes apart from base: every third row gets a register of its own, the two after
// it are reached with index scales 1 and 2.
type strided struct {
	bases []reg.GPVirtual
	step  reg.GPVirtual
}

func (g *nest) newStrided(base, step reg.GPVirtual, n int) strided {
	s := strided{step: step}
	for i := 0; i < n; i += 3 {
		p := g.GP64()
		if i == 0 {
			g.MOVQ(base, p)
		} else {
			g.LEAQ(indexed(s.bases[len(s.bases)-1], step, 1, 0), p)
			g.LEAQ(indexed(p, step, 2, 0), p)
		}
		s.bases = append(s.bases, p)
	}
	return s
}

func (s strided) at(i, disp int) operand.Mem { return indexed(s.bases[i/3], s.step, i%3, disp) }

func (g *nest) advance(s strided, bytes int) {
	for _, p := range s.bases {
		g.ADDQ(operand.U32(bytes), p)
	}
}

// eachRow calls f for each row with a register that points at the row's first element of C in the tile.
func (g *nest) eachRow(rows int, f func(r int, c reg.GPVirtual)) {
	p := g.GP64()
	g.MOVQ(g.c, p)
	ldc := g.ldc()
	for r := range rows {
		if r > 0 {
			g.ADDQ(ldc, p)
		}
		f(r, p)
	}
}

// columnVector addresses vector v of the per-column argument name, 4 bytes an element.
func (g *nest) columnVector(name string, v int) operand.Mem {
	base, j := g.ptr(name), g.GP64()
	g.MOVQ(g.j, j)
	return indexed(base, j, 4, v*g.lanes*4)
}

// epilogue calls f once for each way the tile's columns can lie: all of them inside the matrix, or the last panel cut. f gets
// load and store for vector v of a row of 32-bit elements.
func (g *nest) epilogue(t tile, full bool, f func(e edge)) {
	vectors := t.panels * g.vectors()
	switch {
	case full:
		f(edge{nest: g, from: vectors})
	case g.wide():
		f(edge{nest: g, from: vectors - 1, mask: g.edge})
	default:
		cut, end := g.label("cut"), g.label("end")
		left := g.columnsLeft()
		g.CMPQ(left, operand.U32(t.panels*panelCols))
		g.JLT(operand.LabelRef(cut))
		f(edge{nest: g, from: vectors})
		g.JMP(operand.LabelRef(end))
		g.Label(cut)
		left = g.columnsLeft()
		f(edge{nest: g, from: vectors - g.vectors(), cols: left, mask: g.newMask(g.copied(left), g.vectors())})
		g.Label(end)
	}
}

func (g *nest) copied(r reg.GPVirtual) reg.GPVirtual {
	t := g.GP64()
	g.MOVQ(r, t)
	return t
}

// edge loads and stores vectors of a tile's row; those from number from on through a mask.
type edge struct {
	*nest
	from int
	mask mask
	cols reg.GPVirtual // AVX2, last panel cut: its columns, 1…15
}

func (e edge) load(src operand.Mem, v int, dst reg.VecVirtual) {
	if v < e.from {
		e.VMOVUPS(src, dst)
	} else {
		e.loadMasked(src, e.mask, v-e.from, dst)
	}
}

func (e edge) store(src reg.VecVirtual, v int, dst operand.Mem) {
	if v < e.from {
		e.VMOVUPS(src, dst)
	} else {
		e.storeMasked(src, e.mask, v-e.from, dst)
	}
}
