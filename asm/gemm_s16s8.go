package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var (
	// 6×16: 12 accumulators, 2 vectors of B widened to words, a broadcast of A and a product.
	shapeS16S8AVX2 = shape{panels: []int{1}, rows: []height{{6, 11}, {5, 9}, {4, 7}, {3, 3}, {2, 2}, {1, 1}}, ahead: oneAhead}
	// 12×32: 24 accumulators and the same four.
	shapeS16S8AVX512 = shape{panels: []int{2, 1}, rows: []height{{12, 12}, {8, 8}, {4, 4}, {2, 2}, {1, 1}}}
)

// oneAhead fetches one line per step at every height. An integer panel is as many lines long as half of a row tile's steps, so two
// tiles fetch the next panel.
func oneAhead(int) int { return 1 }

func genGemmS16S8(s shape, out outU8S8) func(*gen) {
	return func(g *gen) {
		n := newNestS8(g, out)
		n.section = func(t tile, full bool) { n.sectionS16S8(t, full, out) }
		n.emit(s, 1)
	}
}

// sectionS16S8 computes one tile over all of K, four k at a time: words of A, two by two as widen_u8s16 leaves them, times bytes of B.
func (g *nest) sectionS16S8(t tile, full bool, out outU8S8) {
	acc := g.accumulators(t)
	a, b := g.newStrided(g.a, g.lda, t.rows), g.newStrided(g.b, g.stride, t.panels)
	k, loop, rest, end := g.arg("k", ""), g.label("k"), g.label("krest"), g.label("kend")
	fetch := g.newFetcher(t, full)
	g.SUBQ(operand.U32(8), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	g.stepS16S8(acc, a, b, 0)
	g.stepS16S8(acc, a, b, 1)
	fetch.step()
	g.advance(a, 16)
	g.advance(b, 2*4*panelCols)
	g.SUBQ(operand.U32(8), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(8), k)
	g.JEQ(operand.LabelRef(end))
	g.stepS16S8(acc, a, b, 0)
	g.Label(end)
	fetch.save()
	g.epilogue(t, full, func(e edge) { e.finishU8S8(t, acc, out) })
}

// stepS16S8 adds the products of four k, group u from the pointers. Bytes of B are widened where they lie, in words of even and of
// odd k, so that VPMADDWD adds two exact products.
func (g *nest) stepS16S8(acc [][]reg.VecVirtual, a, b strided, u int) {
	for odd := range 2 {
		bv := g.vecs(len(acc[0]))
		for v, r := range bv {
			g.VMOVUPS(b.at(v/g.vectors(), u*4*panelCols+v%g.vectors()*g.lanes*4), r)
			if odd == 0 {
				g.VPSLLW(operand.U8(8), r, r)
			}
			g.VPSRAW(operand.U8(8), r, r)
		}
		for r, row := range acc {
			av := g.vec()
			g.VPBROADCASTD(a.at(r, 8*u+4*odd), av)
			for v, sum := range row {
				product := av
				if v < len(row)-1 {
					product = g.vec()
				}
				g.VPMADDWD(bv[v], av, product)
				g.VPADDD(product, sum, sum)
			}
		}
	}
}

// genWiden copies bytes to words, sixteen at a time on AVX2: of four, the second and third change places, so that the words of even k
// of a group lie together.
func genWiden(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	const step = 16
	loop, end := "loop", "end"
	g.SUBQ(operand.U32(step), n)
	g.JLT(operand.LabelRef(end))
	g.Label(loop)
	v := g.YMM()
	g.VPMOVZXBW(mem(x, 0), v)
	g.VPSHUFLW(operand.U8(0b11_01_10_00), v, v)
	g.VPSHUFHW(operand.U8(0b11_01_10_00), v, v)
	g.VMOVDQU(v, mem(dst, 0))
	g.ADDQ(operand.U32(step), x)
	g.ADDQ(operand.U32(2*step), dst)
	g.SUBQ(operand.U32(step), n)
	g.JGE(operand.LabelRef(loop))
	g.Label(end)
	g.finish()
}
