package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A weightFormat is how a panel of packed weights becomes vectors of f32. A panel is read in units of some k; a unit's fields are its
// weights, one vector (of each 8 or 16 columns) per k.
type weightFormat struct {
	fields int  // k of a unit
	bytes  int  // of a unit, 16 columns
	lane   int  // bytes from one column to the next
	scaled bool // blocks start with scales, and with offsets if flagged
	// dot, if set, makes fields of four k in unsigned bytes and multiplies them with signed bytes of A: chain += weights · a. K and blocks
	// then count four k, and hold whole units.
	dot func(g *weightNest, weights reg.VecVirtual, a operand.Mem, chain reg.VecVirtual)
	// field returns field i of the vector at byte 0 of at(0). words holds what earlier fields of the unit loaded.
	field func(g *weightNest, i int, at func(disp int) operand.Mem, words *reg.VecVirtual) reg.VecVirtual
	// constants lists what fields read again and again, the most useful first; those that fit stay in registers.
	constants []uint32
}

// formatBits packs bits-wide unsigned integers q into u32 words, k ascending from the low bits; a field is q − 2^(bits−1).
//
// A field in bits p…p+bits−1 of a float's mantissa, under the exponent that makes bit p weigh 1, is 2^(23−p) + q: no conversion, and no shift
// as long as the field ends below bit 23. Subtracting 2^(23−p) + 2^(bits−1) is exact.
func formatBits(bits int) weightFormat {
	perShift := 23 / bits // fields of a word before it is shifted
	mask := func(p int) uint32 { return (1<<bits - 1) << p }
	exponent := func(p int) uint32 { return uint32(127+23-p) << 23 }
	minus := func(p int) uint32 {
		return math.Float32bits(float32(uint32(1)<<(23-p) + 1<<(bits-1)))
	}
	f := weightFormat{fields: 32 / bits, bytes: 4 * panelCols, lane: 4, scaled: true}
	for _, list := range []func(int) uint32{mask, exponent, minus} {
		for j := range perShift {
			f.constants = append(f.constants, list(j*bits))
		}
	}
	f.field = func(g *weightNest, i int, at func(int) operand.Mem, word *reg.VecVirtual) reg.VecVirtual {
		if i == 0 {
			*word = g.vec()
			g.VMOVUPS(at(0), *word)
		} else if i%perShift == 0 {
			g.VPSRLD(operand.U8(perShift*bits), *word, *word)
		}
		p, x := i%perShift*bits, g.vec()
		if !g.wide() {
			g.VPAND(g.kept(mask(p)), *word, x)
			g.VPOR(g.kept(exponent(p)), x, x)
			g.VSUBPS(g.kept(minus(p)), x, x)
			return x
		}
		// From memory one element is broadcast: whole vectors might lie across two cache lines.
		if m, ok := g.held[mask(p)]; ok {
			g.VMOVAPS(m, x)
		} else {
			g.VBROADCASTSS(g.u32(mask(p)), x)
		}
		if e, ok := g.held[exponent(p)]; ok {
			g.VPTERNLOGD(operand.U8(andOr), e, *word, x)
		} else {
			g.VPTERNLOGD_BCST(operand.U8(andOr), g.u32(exponent(p)), *word, x)
		}
		if m, ok := g.held[minus(p)]; ok {
			g.VSUBPS(m, x, x)
		} else {
			g.VSUBPS_BCST(g.u32(minus(p)), x, x)
		}
		return x
	}
	return f
}

// andOr is the truth table of VPTERNLOGD for destination & second | first.
const andOr = 0xea

// formatF16 has 16 half floats per k.
var formatF16 = weightFormat{
	fields: 4, bytes: 4 * 2 * panelCols, lane: 2,
	field: func(g *weightNest, i int, at func(int) operand.Mem, _ *reg.VecVirtual) reg.VecVirtual {
		x := g.vec()
		g.VCVTPH2PS(at(i*2*panelCols), x)
		return x
	},
}

// formatBF16 has the weights of an even and an odd k in the halves of a word, which are the upper halves of floats.
var formatBF16 = weightFormat{
	fields: 4, bytes: 4 * 2 * panelCols, lane: 4, constants: []uint32{0xffff0000},
	field: func(g *weightNest, i int, at func(int) operand.Mem, word *reg.VecVirtual) reg.VecVirtual {
		x := g.vec()
		if i%2 == 0 {
			*word = g.vec()
			g.VMOVUPS(at(i/2*4*panelCols), *word)
			g.VPSLLD(operand.U8(16), *word, x)
		} else {
			g.VANDPS(g.kept(0xffff0000), *word, x)
		}
		return x
	},
}

const (
	// prefetchAhead bytes of a panel are in flight where few rows go through long panels.
	prefetchAhead = 1024
	// From partRows rows on, calls go through parts of K so short that the next panel, a jump in memory, is fetched instead.
	partRows = 4
)

// weightTile is a block of C held in registers twice, as chains of the current block of K and as totals: rows × vectors.
type weightTile struct{ rows, vectors int }

var (
	// 16 registers: 6 chains and 6 totals leave three for the word, the weights and A.
	tilesWeightsAVX2 = []weightTile{{6, 1}, {4, 1}, {2, 2}, {1, 4}}
	// 32 registers: with 12 rows the two instructions that make a weight are a sixth of the multiply-adds.
	tilesWeightsAVX512 = []weightTile{{12, 1}, {8, 1}, {4, 2}, {2, 4}, {1, 4}}
)

// weightNest generates
//
//	for each row tile: for each column group: for each block of K: chain, then scale
//
// so that the second row tile finds the weights in the cache.
type weightNest struct {
	*gen
	format     weightFormat
	a, c, sums operand.Mem // of the current row tile, or of its column group
	b          operand.Mem // of the column group
	left       operand.Mem // columns left
	rows       operand.Mem // left
	k          operand.Mem // left
	held       map[uint32]reg.VecVirtual
}

func genGemmWeights(f weightFormat, tiles []weightTile) func(*gen) {
	return func(g *gen) {
		n := &weightNest{gen: g, format: f}
		for _, m := range []*operand.Mem{&n.a, &n.c, &n.sums, &n.b, &n.left, &n.rows, &n.k} {
			*m = g.AllocLocal(8)
		}
		n.emit(tiles)
	}
}

// move copies memory to memory.
func (g *weightNest) move(src, dst operand.Mem) {
	t := g.GP64()
	g.MOVQ(src, t)
	g.MOVQ(t, dst)
}

// add adds src·times<<shift to dst.
func (g *weightNest) add(src operand.Mem, shift, times int, dst operand.Mem) {
	t := g.GP64()
	g.MOVQ(src, t)
	g.times(t, times)
	g.SHLQ(operand.U8(shift), t)
	g.ADDQ(dst, t)
	g.MOVQ(t, dst)
}

// aShift is the logarithm of the bytes of an element of A.
func (g *weightNest) aShift() int {
	if g.format.dot != nil {
		return 0
	}
	return 2
}

// times multiplies r in place.
func (g *weightNest) times(r reg.GPVirtual, by int) reg.GPVirtual {
	if by != 1 {
		g.IMUL3Q(operand.U32(by), r, r)
	}
	return r
}

func (g *weightNest) emit(tiles []weightTile) {
	g.move(g.param("m", ""), g.rows)
	g.move(g.param("a", "base"), g.a)
	if g.format.scaled {
		g.move(g.param("sums", "base"), g.sums)
	}
	rowC := g.AllocLocal(8)
	g.move(g.param("c", "base"), rowC)
	for _, t := range tiles {
		loop, smaller := g.label("rows"), g.label("fewer")
		g.Label(loop)
		g.CMPQ(g.rows, operand.U32(t.rows))
		g.JLT(operand.LabelRef(smaller))
		g.move(rowC, g.c)
		g.move(g.param("b", "base"), g.b)
		g.move(g.param("n", ""), g.left)
		g.columns(t)
		g.add(g.param("lda", ""), g.aShift(), t.rows, g.a)
		g.add(g.param("ldc", ""), 2, t.rows, rowC)
		if g.format.scaled {
			s := g.GP64()
			g.MOVQ(g.sums, s)
			g.ADDQ(operand.U32(4*t.rows), s)
			g.MOVQ(s, g.sums)
		}
		r := g.GP64()
		g.MOVQ(g.rows, r)
		g.SUBQ(operand.U32(t.rows), r)
		g.MOVQ(r, g.rows)
		g.JMP(operand.LabelRef(loop))
		g.Label(smaller)
	}
	g.finish()
}

// columns goes through the columns of a row tile: groups of whole vectors, then one vector at a time under a mask.
func (g *weightNest) columns(t weightTile) {
	if t.vectors > 1 {
		loop, single := g.label("group"), g.label("single")
		g.Label(loop)
		g.CMPQ(g.left, operand.U32(t.vectors*g.lanes))
		g.JLT(operand.LabelRef(single))
		g.tile(t)
		g.next(t.vectors)
		g.JMP(operand.LabelRef(loop))
		g.Label(single)
	}
	loop, end := g.label("column"), g.label("end")
	g.Label(loop)
	g.CMPQ(g.left, operand.U32(0))
	g.JLE(operand.LabelRef(end))
	g.tile(weightTile{t.rows, 1})
	g.next(1)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
}

// next moves b and c right by vectors. Half a panel on, b is inside it; another half on, at the next.
func (g *weightNest) next(vectors int) {
	left, c, b := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(g.c, c)
	g.ADDQ(operand.U32(4*vectors*g.lanes), c)
	g.MOVQ(c, g.c)
	g.MOVQ(g.b, b)
	perPanel := panelCols / g.lanes
	if vectors >= perPanel {
		g.ADDQ(g.times(g.arg("stride", ""), vectors/perPanel), b)
	} else {
		// The columns done, n − left, say which half was the current one.
		second, done, at := g.label("second"), g.label("half"), g.arg("n", "")
		g.SUBQ(g.left, at)
		g.TESTQ(operand.U32(g.lanes), at)
		g.JNE(operand.LabelRef(second))
		g.ADDQ(operand.U32(g.lanes*g.format.lane), b)
		g.JMP(operand.LabelRef(done))
		g.Label(second)
		g.ADDQ(g.param("stride", ""), b)
		g.SUBQ(operand.U32(g.lanes*g.format.lane), b)
		g.Label(done)
	}
	g.MOVQ(b, g.b)
	g.MOVQ(g.left, left)
	g.SUBQ(operand.U32(vectors*g.lanes), left)
	g.MOVQ(left, g.left)
}

// hold loads as many constants of the format as registers are left beside a tile.
func (g *weightNest) hold(t weightTile) {
	registers, used := 16, 2*t.rows*t.vectors+t.vectors+3
	if g.wide() {
		registers = 32
	}
	if g.format.dot != nil {
		used += 3
	}
	if t.vectors > 1 {
		used += t.rows // broadcasts of A
	}
	g.held = map[uint32]reg.VecVirtual{}
	for _, c := range g.format.constants {
		if used++; used > registers {
			break
		}
		g.held[c] = g.loaded(g.u32(c))
	}
}

// kept is a constant in its register or in memory.
func (g *weightNest) kept(c uint32) operand.Op {
	if r, ok := g.held[c]; ok {
		return r
	}
	return g.u32(c)
}

// tile computes rows × vectors elements of C over all of K.
func (g *weightNest) tile(t weightTile) {
	g.hold(t)
	chains, totals := make([][]reg.VecVirtual, t.rows), make([][]reg.VecVirtual, t.rows)
	for r := range t.rows {
		chains[r], totals[r] = g.vecs(t.vectors), g.vecs(t.vectors)
		for _, v := range totals[r] {
			if g.format.scaled {
				g.zero(v)
			} else {
				g.VMOVUPS(g.u32(1<<31), v) // −0, the neutral element of addition
			}
		}
	}
	e := g.edge(t)
	e.ifFlag(gemmAdd, func() {
		g.eachRow(totals, func(v int, x reg.VecVirtual, c operand.Mem) { e.load(c, v, x) })
	})
	base, step := g.GP64(), g.arg("lda", "")
	g.SHLQ(operand.U8(g.aShift()), step)
	g.MOVQ(g.a, base)
	a := (&nest{gen: g.gen}).newStrided(base, step, t.rows)
	b := g.bases(t.vectors)
	ahead := g.ahead(t, b)
	at, start, sums, k := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(operand.U32(0), at)
	if g.format.scaled {
		g.MOVQ(g.sums, sums)
	}
	g.move(g.param("k", ""), g.k)

	block := g.label("block")
	g.Label(block)
	g.startBlock(at, start, k)
	for r, row := range chains {
		for _, v := range row {
			if g.format.dot != nil {
				g.VBROADCASTSS(mem(sums, 4*r), v)
			} else {
				g.zero(v)
			}
		}
	}
	words := make([]reg.VecVirtual, t.vectors)
	field := func(i int) {
		weights := func(v int) reg.VecVirtual {
			return g.format.field(g, i, func(disp int) operand.Mem { return indexed(b[v], at, 1, disp) }, &words[v])
		}
		g.multiply(t, chains, a, 4*i, weights)
	}
	loop, rest, end := g.label("k"), g.label("krest"), g.label("kend")
	g.SUBQ(operand.U32(g.format.fields), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	for i := range g.format.fields {
		field(i)
	}
	for _, p := range ahead {
		for line := 0; line < g.format.bytes; line += 64 {
			if t.rows >= partRows {
				g.PREFETCHT1(indexed(p, at, 1, line))
			} else {
				g.PREFETCHT0(indexed(p, at, 1, line+prefetchAhead))
			}
		}
	}
	for _, p := range a.bases {
		g.ADDQ(operand.U32(4*g.format.fields), p)
	}
	g.ADDQ(operand.U32(g.format.bytes), at)
	g.SUBQ(operand.U32(g.format.fields), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(g.format.fields), k)
	g.JEQ(operand.LabelRef(end))
	if g.format.dot == nil {
		for i := range g.format.fields - 1 {
			field(i)
			g.DECQ(k)
			g.JEQ(operand.LabelRef(end))
		}
	}
	g.Label(end)
	g.finishBlock(t, chains, totals, b, start, sums)
	g.CMPQ(g.k, operand.U32(0))
	g.JNE(operand.LabelRef(block))
	g.store(t, totals)
}

// bases points at the vectors of the column group.
func (g *weightNest) bases(vectors int) []reg.GPVirtual {
	perPanel, bases := panelCols/g.lanes, make([]reg.GPVirtual, vectors)
	for v := range bases {
		bases[v] = g.GP64()
		switch {
		case v == 0:
			g.MOVQ(g.b, bases[v])
		case v%perPanel > 0:
			g.LEAQ(mem(bases[v-1], g.lanes*g.format.lane), bases[v])
		default:
			g.MOVQ(bases[v-perPanel], bases[v])
			g.ADDQ(g.param("stride", ""), bases[v])
		}
	}
	return bases
}

// ahead points at what is fetched while the column group is multiplied: each panel further on, or the panels to the right.
func (g *weightNest) ahead(t weightTile, b []reg.GPVirtual) []reg.GPVirtual {
	perPanel := panelCols / g.lanes
	var panels []reg.GPVirtual
	for v := 0; v < t.vectors; v += perPanel {
		if t.rows < partRows {
			panels = append(panels, b[v])
			continue
		}
		p := g.times(g.arg("stride", ""), (t.vectors+perPanel-1)/perPanel)
		g.ADDQ(b[v], p)
		panels = append(panels, p)
	}
	return panels
}

// startBlock sets k to the length of the block, takes it off what is left, and moves at past the block's scales and offsets.
func (g *weightNest) startBlock(at, start, k reg.GPVirtual) {
	if g.format.scaled {
		g.MOVQ(at, start)
		g.ADDQ(operand.U32(4*panelCols), at)
		symmetric := g.label("symmetric")
		g.TESTQ(operand.U32(gemmOffset), g.arg("flags", ""))
		g.JEQ(operand.LabelRef(symmetric))
		g.ADDQ(operand.U32(4*panelCols), at)
		g.Label(symmetric)
		g.MOVQ(g.param("block", ""), k)
	} else {
		g.MOVQ(operand.U32(kSegment), k)
	}
	whole, left := g.label("whole"), g.GP64()
	g.CMPQ(k, g.k)
	g.JLE(operand.LabelRef(whole))
	g.MOVQ(g.k, k)
	g.Label(whole)
	g.MOVQ(g.k, left)
	g.SUBQ(k, left)
	g.MOVQ(left, g.k)
}

// kSegment is that of package kernels; gemmOffset a flag beside those of gemm_f32.
const (
	kSegment   = 256
	gemmOffset = 8
)

// multiply adds a[r][…]·weights to the chains.
func (g *weightNest) multiply(t weightTile, chains [][]reg.VecVirtual, a strided, disp int, weights func(v int) reg.VecVirtual) {
	if g.format.dot != nil {
		for v := range t.vectors {
			x := weights(v)
			for r := range chains {
				g.format.dot(g, x, a.at(r, disp), chains[r][v])
			}
		}
		return
	}
	if t.vectors == 1 {
		x := weights(0)
		for r := range chains {
			if g.wide() {
				g.VFMADD231PS_BCST(a.at(r, disp), x, chains[r][0])
				continue
			}
			av := g.vec()
			g.VBROADCASTSS(a.at(r, disp), av)
			g.VFMADD231PS(x, av, chains[r][0])
		}
		return
	}
	av := g.vecs(t.rows)
	for r, v := range av {
		g.VBROADCASTSS(a.at(r, disp), v)
	}
	for v := range t.vectors {
		x := weights(v)
		for r := range chains {
			g.VFMADD231PS(x, av[r], chains[r][v])
		}
	}
}

// finishBlock adds the chains to the totals, times scale, and the sums of A times offset.
func (g *weightNest) finishBlock(t weightTile, chains, totals [][]reg.VecVirtual, b []reg.GPVirtual, start, sums reg.GPVirtual) {
	if !g.format.scaled {
		for r := range totals {
			for v, total := range totals[r] {
				g.VADDPS(chains[r][v], total, total)
			}
		}
		return
	}
	if g.format.dot != nil {
		g.finishDots(t, chains, totals, b, start, sums)
		return
	}
	for v := range t.vectors {
		for r := range totals {
			g.VFMADD231PS(indexed(b[v], start, 1, 0), chains[r][v], totals[r][v])
		}
	}
	symmetric := g.label("symmetric")
	g.TESTQ(operand.U32(gemmOffset), g.arg("flags", ""))
	g.JEQ(operand.LabelRef(symmetric))
	for r := range totals {
		s := g.vec()
		g.VBROADCASTSS(mem(sums, 4*r), s)
		for v := range t.vectors {
			g.VFMADD231PS(indexed(b[v], start, 1, 4*panelCols), s, totals[r][v])
		}
	}
	rows := g.arg("m", "")
	g.LEAQ(indexed(sums, rows, 4, 0), sums)
	g.Label(symmetric)
}

// finishDots adds the sums of a block, as floats, to the totals, times the scales of row and column, and the sums of A times offset.
func (g *weightNest) finishDots(t weightTile, chains, totals [][]reg.VecVirtual, b []reg.GPVirtual, start, sums reg.GPVirtual) {
	rows := g.arg("m", "")
	for r := range totals {
		for v := range t.vectors {
			s, x := g.vec(), chains[r][v]
			g.VCVTDQ2PS(x, x)
			g.VBROADCASTSS(indexed(sums, rows, 4, 4*r), s)
			g.VMULPS(indexed(b[v], start, 1, 0), s, s)
			g.VFMADD231PS(s, x, totals[r][v])
		}
	}
	symmetric := g.label("symmetric")
	g.TESTQ(operand.U32(gemmOffset), g.arg("flags", ""))
	g.JEQ(operand.LabelRef(symmetric))
	for r := range totals {
		s := g.vec()
		g.VBROADCASTSS(indexed(sums, rows, 8, 4*r), s)
		for v := range t.vectors {
			g.VFMADD231PS(indexed(b[v], start, 1, 4*panelCols), s, totals[r][v])
		}
	}
	g.Label(symmetric)
	g.LEAQ(indexed(sums, rows, 8, 0), sums)
	g.LEAQ(indexed(sums, rows, 4, 0), sums)
}

// edge is for the columns of a tile: a single vector may be cut.
func (g *weightNest) edge(t weightTile) edge {
	e := edge{nest: &nest{gen: g.gen}, from: t.vectors}
	if t.vectors == 1 {
		left, narrow := g.GP64(), g.label("narrow")
		g.MOVQ(g.left, left)
		g.CMPQ(left, operand.U32(g.lanes))
		g.JLE(operand.LabelRef(narrow))
		g.MOVQ(operand.U32(g.lanes), left)
		g.Label(narrow)
		e.from, e.mask = 0, g.newMask(left, 1)
	}
	return e
}

// eachRow calls f for each vector of a tile with its place in C.
func (g *weightNest) eachRow(tile [][]reg.VecVirtual, f func(v int, x reg.VecVirtual, c operand.Mem)) {
	p, ldc := g.GP64(), g.arg("ldc", "")
	g.SHLQ(operand.U8(2), ldc)
	g.MOVQ(g.c, p)
	for r, row := range tile {
		if r > 0 {
			g.ADDQ(ldc, p)
		}
		for v, x := range row {
			f(v, x, mem(p, 4*v*g.lanes))
		}
	}
}

// store applies bias and relu and writes the tile.
func (g *weightNest) store(t weightTile, totals [][]reg.VecVirtual) {
	e := g.edge(t)
	e.ifFlag(gemmBias, func() {
		at, base := g.arg("n", ""), g.ptr("bias")
		g.SUBQ(g.left, at)
		for v := range t.vectors {
			bias := g.vec()
			e.load(indexed(base, at, 4, 4*v*g.lanes), v, bias)
			for r := range totals {
				g.VADDPS(bias, totals[r][v], totals[r][v])
			}
		}
	})
	e.ifFlag(gemmRelu, func() { e.relu(totals) })
	g.eachRow(totals, func(v int, x reg.VecVirtual, c operand.Mem) { e.store(x, v, c) })
}
