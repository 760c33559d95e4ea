package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/hotpath/hotpath/internal/cpu"
)

var (
	// 6×16: 12 accumulators, 2 vectors of B, a broadcast of A and a product; the words of ones stay in memory. 4×16 is 2 % slower at
	// 1024³ and 6 % at 2048³, where B comes from the second-level cache (Zen 3).
	shapeU8S8AVX2 = shape{panels: []int{1}, rows: []height{{6, 11}, {5, 9}, {4, 7}, {3, 3}, {2, 2}, {1, 1}}, ahead: oneAhead}
	// 12×32: 24 accumulators, 2 vectors of B, broadcasts of A.
	shapeU8S8VNNI = shape{narrow: []tile{{1, 8}}, panels: []int{2, 1}, rows: []height{{12, 12}, {8, 8}, {4, 4}, {2, 2}, {1, 1}}}
)

// outU8S8 is what a u8·s8 kernel writes.
type outU8S8 int

const (
	toS32 outU8S8 = iota
	toU8
	toF32
)

func genGemmU8S8(s shape, out outU8S8) func(*gen) {
	return func(g *gen) {
		n := newNestS8(g, out)
		n.section = func(t tile, full bool) { n.sectionU8S8(t, full, out) }
		n.emit(s, 0)
	}
}

// newNestS8 makes the nest around packed s8 panels.
func newNestS8(g *gen, out outU8S8) *nest {
	n := &nest{gen: g, cSize: 4}
	if out == toU8 {
		n.cSize = 1
	}
	n.stride = g.arg("k", "")
	g.ADDQ(operand.U8(3), n.stride)
	g.SHRQ(operand.U8(2), n.stride)
	g.SHLQ(operand.U8(6), n.stride)
	return n
}

// sectionU8S8 computes one tile over all of K, four k at a time. The last one to three bytes of a row of A are gathered one by one,
// so that nothing past the row is read.
func (g *nest) sectionU8S8(t tile, full bool, out outU8S8) {
	acc := g.accumulators(t)
	a, b := g.newStrided(g.a, g.lda, t.rows), g.newStrided(g.b, g.stride, t.panels)
	k, loop, rest, tail, end := g.arg("k", ""), g.label("k"), g.label("krest"), g.label("ktail"), g.label("kend")
	fetch := g.newFetcher(t, full)
	step := func(u int) {
		g.stepU8S8(acc, b, u, func(r int, v reg.VecVirtual) { g.VPBROADCASTD(a.at(r, 4*u), v) })
	}
	g.SUBQ(operand.U32(8), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	step(0)
	step(1)
	fetch.step()
	g.advance(a, 8)
	g.advance(b, 2*4*panelCols)
	g.SUBQ(operand.U32(8), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(8), k)
	g.JEQ(operand.LabelRef(end))
	g.SUBQ(operand.U32(4), k)
	g.JLT(operand.LabelRef(tail))
	step(0)
	g.advance(a, 4)
	g.advance(b, 4*panelCols)
	g.SUBQ(operand.U32(4), k)
	g.Label(tail)
	g.ADDQ(operand.U32(4), k)
	g.JEQ(operand.LabelRef(end))
	g.stepU8S8(acc, b, 0, func(r int, v reg.VecVirtual) {
		bytes, next := g.GP32(), g.GP32()
		gathered := g.label("gathered")
		g.MOVBLZX(a.at(r, 0), bytes)
		for i := 1; i < 3; i++ {
			g.CMPQ(k, operand.U32(i+1))
			g.JLT(operand.LabelRef(gathered))
			g.MOVBLZX(a.at(r, i), next)
			g.SHLL(operand.U8(8*i), next)
			g.ORL(next, bytes)
		}
		g.Label(gathered)
		g.VMOVD(bytes, xmm(v))
		g.VPBROADCASTD(xmm(v), v)
	})
	g.Label(end)
	fetch.save()
	g.epilogue(t, full, func(e edge) { e.finishU8S8(t, acc, out) })
}

// stepU8S8 adds the products of four k, group u from the pointers. load fills a vector with a row's four bytes of A, repeated.
//
// VNNI has an instruction for it. AVX2 adds two products in a word (VPMADDUBSW), then two words times one. The first saturates, so
// it needs weights of which no pair can: see kernels.PackS8.
func (g *nest) stepU8S8(acc [][]reg.VecVirtual, b strided, u int, load func(r int, v reg.VecVirtual)) {
	at := func(v int) operand.Mem { return b.at(v/g.vectors(), u*4*panelCols+v%g.vectors()*g.lanes*4) }
	if g.tier >= cpu.VNNI {
		var bv []reg.VecVirtual
		if len(acc) > 1 {
			for v := range acc[0] {
				bv = append(bv, g.loaded(at(v)))
			}
		}
		for r, row := range acc {
			av := g.vec()
			load(r, av)
			for v, sum := range row {
				if bv == nil {
					g.VPDPBUSD(at(v), av, sum)
				} else {
					g.VPDPBUSD(bv[v], av, sum)
				}
			}
		}
		return
	}
	ones, bv := g.u32(0x00010001), g.vecs(len(acc[0]))
	for v, r := range bv {
		g.VMOVDQU(at(v), r)
	}
	for r, row := range acc {
		av := g.vec()
		load(r, av)
		for v, sum := range row {
			product := av
			if v < len(row)-1 {
				product = g.vec()
			}
			g.VPMADDUBSW(bv[v], av, product)
			g.VPMADDWD(ones, product, product)
			g.VPADDD(product, sum, sum)
		}
	}
}

// finishU8S8 applies the epilogue and stores the tile.
func (e edge) finishU8S8(t tile, acc [][]reg.VecVirtual, out outU8S8) {
	if out != toS32 {
		e.scale(acc, map[outU8S8]string{toU8: "mult", toF32: "scale"}[out])
	}
	switch out {
	case toF32:
		skip := e.label("skip")
		relu := e.arg("relu", "")
		e.TESTQ(relu, relu)
		e.JEQ(operand.LabelRef(skip))
		e.relu(acc)
		e.Label(skip)
	case toU8:
		lo, hi, zp := e.broadcastArg("lo"), e.broadcastArg("hi"), e.broadcastArg("zp")
		for _, row := range acc {
			for _, v := range row {
				e.clampRound(v, lo, hi, zp)
			}
		}
		e.eachRow(t.rows, func(r int, c reg.GPVirtual) { e.storeU8(acc[r], c) })
		return
	}
	e.eachRow(t.rows, func(r int, c reg.GPVirtual) {
		for v, sum := range acc[r] {
			e.store(sum, v, mem(c, v*e.lanes*4))
		}
	})
}

// scale replaces the sums by float32(sum + bias)·factor, per column.
func (e edge) scale(acc [][]reg.VecVirtual, factor string) {
	for v := range acc[0] {
		bias, mult := e.vec(), e.vec()
		e.load(e.columnVector("bias", v), v, bias)
		e.load(e.columnVector(factor, v), v, mult)
		for r := range acc {
			sum := acc[r][v]
			e.VPADDD(bias, sum, sum)
			e.VCVTDQ2PS(sum, sum)
			e.VMULPS(mult, sum, sum)
		}
	}
}

// storeU8 narrows a row of elements, each 0…255, to bytes and stores them at c. It clobbers the row.
func (e edge) storeU8(row []reg.VecVirtual, c reg.GPVirtual) {
	if e.wide() {
		for v, x := range row {
			if v < e.from {
				e.VPMOVDB(x, mem(c, v*e.lanes))
			} else {
				e.VPMOVDB(x, e.mask.bits[v-e.from], mem(c, v*e.lanes))
			}
		}
		return
	}
	x, h := row[0], e.XMM()
	e.VPACKUSDW(row[1], x, x) // words 0-3, 8-11 | 4-7, 12-15
	e.VPERMQ(operand.U8(0b11011000), x, x)
	e.VEXTRACTI128(operand.U8(1), x, h)
	e.VPACKUSWB(h, xmm(x), xmm(x))
	if e.from > 0 {
		e.VMOVDQU(xmm(x), mem(c, 0))
	} else {
		e.storeBytes(xmm(x), e.cols, e.copied(c))
	}
}
