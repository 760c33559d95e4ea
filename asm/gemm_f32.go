package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Flags of kernels.gemm_f32_ref.
const (
	gemmAdd  = 1
	gemmBias = 2
	gemmRelu = 4
	gemmFrom = 8
)

var (
	// 6×16: 12 accumulators, 2 vectors of B, 1 broadcast of A fill the 16 registers.
	//
	// Fetching ahead, on Zen 3: 1024³ 0.87 → 0.96 of peak, 2048³ 0.84 → 0.93, 8×4096² 0.37 → 0.48, 16×4096² 0.50 → 0.66, 512³ the
	// same. One line at every height is as good from 1024³ up and 12 % slower at 8 rows; four lines, the second-level hint, or a
	// line in four are slower throughout.
	shapeF32AVX2 = shape{
		narrow: []tile{{1, 4}, {2, 3}, {3, 2}},
		panels: []int{1},
		rows:   []height{{6, 11}, {5, 9}, {4, 7}, {3, 3}, {2, 2}, {1, 1}},
		ahead: func(rows int) int {
			if rows < 6 {
				return 2
			}
			return 1
		},
	}
	// 14×32: 28 accumulators, 2 vectors of B, 1 broadcast of A. Letting the multiply-adds broadcast from memory costs a load each, 30 for 28:
	// 1 to 6 % slower (Emerald Rapids).
	//
	// Fetching ahead, on Emerald Rapids, roof fractions beside busy neighbours: 1024³ 0.53 → 0.84, 4×4096² 0.80 → 0.88, 8×4096² 0.71 → 0.78,
	// 16×4096² 0.54 → 0.61, 32×4096² 0.46 → 0.67. To the second-level cache, because two column groups of 32 KiB do not fit the first: with
	// the other hint nothing is gained at few rows. 8 lines are as many as the step uses up.
	shapeF32AVX512 = shape{
		narrow: []tile{{1, 8}, {1, 4}, {2, 4}, {3, 4}},
		panels: []int{2, 1},
		rows:   []height{{14, 18}, {8, 8}, {4, 4}, {2, 2}, {1, 1}},
		ahead: func(rows int) int {
			if rows < 14 {
				return 8
			}
			return 2
		},
		far: true,
	}
)

var (
	// One to four rows. Wide tiles read a long piece of each row of B, which memory delivers faster than short ones. (8 rows by 2 panels
	// of a cold 512×512: 4 GB/s where 1 row by 8 panels gets 12, on Emerald Rapids.)
	shapePlainAVX2 = shape{
		narrow: []tile{{1, 4}, {2, 3}, {3, 2}},
		panels: []int{1},
		rows:   []height{{4, 4}, {3, 3}, {2, 2}, {1, 1}},
	}
	shapePlainAVX512 = shape{
		narrow: []tile{{1, 8}, {1, 4}, {2, 8}, {3, 8}, {4, 6}},
		panels: []int{2, 1},
		rows:   []height{{4, 4}, {2, 2}, {1, 1}},
	}
)

func genGemmF32(s shape) func(*gen) {
	return func(g *gen) {
		n := &nest{gen: g, cSize: 4}
		n.stride = g.arg("kc", "")
		g.SHLQ(operand.U8(6), n.stride)
		n.section = n.sectionF32
		n.emit(s, 2)
	}
}

// genGemmPlain makes the kernel that reads B where it lies.
func genGemmPlain(s shape) func(*gen) {
	return func(g *gen) {
		n := &nest{gen: g, cSize: 4, plain: true}
		n.stride = g.arg("ldb", "")
		g.SHLQ(operand.U8(2), n.stride)
		n.section = n.sectionF32
		n.emit(s, 2)
	}
}

// streamB addresses B along K: packed panels, or rows of a matrix.
type streamB struct {
	strided
	*nest
}

func (g *nest) newStreamB(t tile, unroll int) streamB {
	if g.plain {
		return streamB{g.newStrided(g.b, g.stride, unroll), g}
	}
	return streamB{g.newStrided(g.b, g.stride, t.panels), g}
}

// vector addresses vector v of the tile's columns, u steps of K down.
func (s streamB) vector(v, u int) operand.Mem {
	if s.plain {
		return s.at(u, v*s.lanes*4)
	}
	return s.at(v/s.vectors(), u*4*panelCols+v%s.vectors()*s.lanes*4)
}

// down moves on by 1 or 4 steps of K.
func (s streamB) down(steps int) {
	if !s.plain {
		s.advance(s.strided, 4*panelCols*steps)
		return
	}
	for _, p := range s.bases {
		s.LEAQ(indexed(p, s.stride, steps, 0), p)
	}
}

// sectionF32 computes one tile over the K segment: a chain of multiply-adds per element, then C, bias and relu as flagged.
func (g *nest) sectionF32(t tile, full bool) {
	acc := g.accumulators(t)
	g.ifFlag(gemmFrom, func() {
		g.epilogue(t, full, func(e edge) {
			e.eachRow(t.rows, func(r int, c reg.GPVirtual) {
				for v, sum := range acc[r] {
					e.load(mem(c, v*e.lanes*4), v, sum)
				}
			})
		})
	})
	if t.rows >= 4 {
		g.eachRow(t.rows, func(r int, c reg.GPVirtual) { g.PREFETCHT0(mem(c, 0)) })
	}
	const unroll = 4
	a, b := g.newStrided(g.a, g.lda, t.rows), g.newStreamB(t, unroll)
	k, loop, rest, single, end := g.arg("kc", ""), g.label("k"), g.label("krest"), g.label("ksingle"), g.label("kend")
	fetch := g.newFetcher(t, full)
	g.SUBQ(operand.U32(unroll), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	for u := range unroll {
		g.stepF32(t, acc, a, b, u)
	}
	fetch.step()
	g.advance(a, 4*unroll)
	b.down(unroll)
	g.SUBQ(operand.U32(unroll), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(unroll), k)
	g.JEQ(operand.LabelRef(end))
	g.Label(single)
	g.stepF32(t, acc, a, b, 0)
	g.advance(a, 4)
	b.down(1)
	g.DECQ(k)
	g.JNE(operand.LabelRef(single))
	g.Label(end)
	fetch.save()
	g.epilogue(t, full, func(e edge) { e.finishF32(t, acc) })
}

// stepF32 adds a[r][k+u]·b[k+u][…] to every accumulator. Tall tiles hold the vectors of B and take one row of A after the other; flat
// ones hold A and stream B, which needs fewer registers.
func (g *nest) stepF32(t tile, acc [][]reg.VecVirtual, a strided, b streamB, u int) {
	at := func(v int) operand.Mem { return b.vector(v, u) }
	if t.rows > 4 || t.panels <= 2 && t.rows > 3 || t.panels == 1 {
		bv := g.vecs(t.panels * g.vectors())
		for v, r := range bv {
			g.VMOVUPS(at(v), r)
		}
		for r := range acc {
			if g.wide() && t.panels == 1 {
				for v := range bv {
					g.VFMADD231PS_BCST(a.at(r, 4*u), bv[v], acc[r][v])
				}
				continue
			}
			av := g.vec()
			g.VBROADCASTSS(a.at(r, 4*u), av)
			for v := range bv {
				g.VFMADD231PS(bv[v], av, acc[r][v])
			}
		}
		return
	}
	av := g.vecs(t.rows)
	for r, v := range av {
		g.VBROADCASTSS(a.at(r, 4*u), v)
	}
	for v := range acc[0] {
		if t.rows == 1 {
			g.VFMADD231PS(at(v), av[0], acc[0][v])
			continue
		}
		bv := g.vec()
		g.VMOVUPS(at(v), bv)
		for r := range acc {
			g.VFMADD231PS(bv, av[r], acc[r][v])
		}
	}
}

// finishF32 applies the flags and stores the tile.
func (e edge) finishF32(t tile, acc [][]reg.VecVirtual) {
	e.ifFlag(gemmAdd, func() {
		e.eachRow(t.rows, func(r int, c reg.GPVirtual) {
			for v, sum := range acc[r] {
				old := e.vec()
				e.load(mem(c, v*e.lanes*4), v, old)
				e.VADDPS(sum, old, sum)
			}
		})
	})
	e.ifFlag(gemmBias, func() {
		for v := range acc[0] {
			bias := e.vec()
			e.load(e.columnVector("bias", v), v, bias)
			for r := range acc {
				e.VADDPS(bias, acc[r][v], acc[r][v])
			}
		}
	})
	e.ifFlag(gemmRelu, func() { e.relu(acc) })
	e.eachRow(t.rows, func(r int, c reg.GPVirtual) {
		for v, sum := range acc[r] {
			e.store(sum, v, mem(c, v*e.lanes*4))
		}
	})
}

// relu emits 0 > x ? 0 : x on a tile.
func (g *nest) relu(acc [][]reg.VecVirtual) {
	zero := g.vec()
	g.zero(zero)
	for _, row := range acc {
		for _, v := range row {
			g.VMAXPS(v, zero, v)
		}
	}
}

// ifFlag runs body when the flag is set in argument flags.
func (g *nest) ifFlag(flag int, body func()) {
	skip := g.label("skip")
	g.TESTQ(operand.U32(flag), g.arg("flags", ""))
	g.JEQ(operand.LabelRef(skip))
	body()
	g.Label(skip)
}
