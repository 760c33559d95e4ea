package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/hotpath/hotpath/internal/cpu"
)

var (
	// 4×16: 8 accumulators, 4 vectors of B, 2 of A.
	shapeBF16AVX2 = shape{panels: []int{1}, rows: []height{{4, 4}, {2, 2}, {1, 1}}}
	// 12×32: 24 accumulators, 4 vectors of B, 2 of A.
	shapeBF16AVX512 = shape{panels: []int{2, 1}, rows: []height{{12, 12}, {8, 8}, {4, 4}, {2, 2}, {1, 1}}}
	// 12×32: 24 accumulators, 2 vectors of B, a broadcast of A.
	shapeBF16VNNI = shape{narrow: []tile{{1, 8}}, panels: []int{2, 1}, rows: []height{{12, 12}, {8, 8}, {4, 4}, {2, 2}, {1, 1}}}
)

// nestBF16 is the nest around panels of pairs.
type nestBF16 struct {
	*nest
	// saved is the floating-point control word of the caller, flushing one that takes subnormals for zero, as VDPBF16PS does. Where
	// that is emulated.
	saved, flushing operand.Mem
}

const flushToZero = 1<<15 | 1<<6 // FTZ: results, DAZ: operands

func genGemmBF16(s shape) func(*gen) {
	return func(g *gen) {
		n := &nestBF16{nest: &nest{gen: g, cSize: 4}}
		n.stride = g.arg("pairs", "")
		g.SHLQ(operand.U8(6), n.stride)
		if g.tier < cpu.VNNI {
			n.saved, n.flushing = g.AllocLocal(8), g.AllocLocal(8)
			word := g.GP32()
			g.STMXCSR(n.saved)
			g.MOVL(n.saved, word)
			g.ORL(operand.U32(flushToZero), word)
			g.MOVL(word, n.flushing)
		}
		n.section = n.sectionBF16
		n.emit(s, 1)
	}
}

// sectionBF16 computes one tile over all of K, two k at a time: the odd one first.
func (g *nestBF16) sectionBF16(t tile, full bool) {
	acc := g.accumulators(t)
	a, b := g.newStrided(g.a, g.lda, t.rows), g.newStrided(g.b, g.stride, t.panels)
	k, loop, rest, end := g.arg("pairs", ""), g.label("k"), g.label("krest"), g.label("kend")
	if g.tier < cpu.VNNI {
		g.LDMXCSR(g.flushing)
	}
	g.SUBQ(operand.U32(2), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	g.stepBF16(acc, a, b, 0)
	g.stepBF16(acc, a, b, 1)
	g.advance(a, 8)
	g.advance(b, 2*4*panelCols)
	g.SUBQ(operand.U32(2), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(2), k)
	g.JEQ(operand.LabelRef(end))
	g.stepBF16(acc, a, b, 0)
	g.Label(end)
	if g.tier < cpu.VNNI {
		g.LDMXCSR(g.saved)
	}
	g.epilogue(t, full, func(e edge) { e.finishF32(t, acc) })
}

// stepBF16 adds the products of pair u from the pointers. Without VDPBF16PS a pair is split into two f32, which the upper half of a
// lane is as it stands, and multiplied by two multiply-adds.
func (g *nestBF16) stepBF16(acc [][]reg.VecVirtual, a, b strided, u int) {
	at := func(v int) operand.Mem { return b.at(v/g.vectors(), u*4*panelCols+v%g.vectors()*g.lanes*4) }
	bv := g.vecs(len(acc[0]))
	for v, r := range bv {
		g.VMOVUPS(at(v), r)
	}
	if g.tier >= cpu.VNNI {
		for r, row := range acc {
			av := g.vec()
			g.VPBROADCASTD(a.at(r, 4*u), av)
			for v, sum := range row {
				g.raw("VDPBF16PS", true, bv[v], av, sum)
			}
		}
		return
	}
	odd := g.u32(0xffff0000)
	bo := g.vecs(len(bv))
	for v := range bv {
		g.VANDPS(odd, bv[v], bo[v])
		g.VPSLLD(operand.U8(16), bv[v], bv[v])
	}
	for r, row := range acc {
		av, ao := g.vec(), g.vec()
		g.VPBROADCASTD(a.at(r, 4*u), av)
		g.VANDPS(odd, av, ao)
		g.VPSLLD(operand.U8(16), av, av)
		for v, sum := range row {
			g.VFMADD231PS(bo[v], ao, sum)
		}
		for v, sum := range row {
			g.VFMADD231PS(bv[v], av, sum)
		}
	}
}

// genRoundBF16 rounds 16 floats at a time to even; see kernels.round_bf16_ref.
func genRoundBF16(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	g.SUBQ(operand.U32(16), n)
	g.JLT(operand.LabelRef("done"))
	g.Label("loop")
	var rounded []reg.VecVirtual
	for at := 0; at < 64; at += 4 * g.lanes {
		v, r, t := g.loaded(mem(x, at)), g.vec(), g.vec()
		g.VPSRLD(operand.U8(16), v, r)
		g.VANDPS(g.u32(1), r, r)
		g.VPADDD(g.u32(0x7fff), r, r)
		g.VPADDD(v, r, r)
		g.VORPS(g.u32(0x400000), v, t)
		g.where(unordered, v, v, t, r)
		a := g.abs(v)
		g.VANDPS(g.u32(1<<31), v, v)
		g.where(less, a, g.f32(0x1p-126), v, r)
		g.VPSRLD(operand.U8(16), r, r)
		rounded = append(rounded, r)
	}
	if g.wide() {
		g.VPMOVDW(rounded[0], mem(dst, 0))
	} else {
		p := rounded[0]
		g.VPACKUSDW(rounded[1], p, p) // words 0-3, 8-11 | 4-7, 12-15
		g.VPERMQ(operand.U8(0b11011000), p, p)
		g.VMOVDQU(p, mem(dst, 0))
	}
	g.ADDQ(operand.U32(64), x)
	g.ADDQ(operand.U32(32), dst)
	g.SUBQ(operand.U32(16), n)
	g.JGE(operand.LabelRef("loop"))
	g.Label("done")
	g.finish()
}

// genPeakBF16 repeats 12 times VDPBF16PS on registers.
func genPeakBF16(g *gen) {
	n, acc, x := g.arg("n", ""), g.vecs(peakChains), g.loaded(g.u32(0x3f803f80))
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	for _, v := range acc {
		g.raw("VDPBF16PS", true, x, x, v)
	}
	g.DECQ(n)
	g.JNE(operand.LabelRef("loop"))
	g.finish()
}
