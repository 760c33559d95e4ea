package asm

import (
	"github.com/mmcloughlin/avo/operand"

	"github.com/hotpath/hotpath/internal/cpu"
)

// peakChains independent accumulators hide the latency of two units of four cycles, with some to spare.
const peakChains = 12

// genPeakF32 repeats 12 vector FMAs on registers: the most a core can do.
func genPeakF32(g *gen) {
	n, acc, x := g.arg("n", ""), g.vecs(peakChains), g.loaded(g.f32(1))
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	for _, v := range acc {
		g.VFMADD231PS(x, x, v)
	}
	g.DECQ(n)
	g.JNE(operand.LabelRef("loop"))
	g.finish()
}

// genPeakU8S8 repeats 12 times the exact integer multiply-add step of the tier.
func genPeakU8S8(g *gen) {
	n, acc, x, t := g.arg("n", ""), g.vecs(peakChains), g.loaded(g.u32(0x01010101)), g.vec()
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	for _, v := range acc {
		if g.tier >= cpu.VNNI {
			g.VPDPBUSD(x, x, v)
		} else {
			g.VPMADDWD(x, x, t)
			g.VPADDD(t, v, v)
		}
	}
	g.DECQ(n)
	g.JNE(operand.LabelRef("loop"))
	g.finish()
}

// genPeakTile repeats a product of tiles, with six tiles of sums: each takes 16 cycles and its sums are there after 52.
func genPeakTile(product string) func(*gen) {
	return func(g *gen) {
		n := g.arg("n", "")
		g.configureTiles()
		g.Label("loop")
		for i := range 6 {
			g.raw(product, false, tileReg(7), tileReg(6), tileReg(i))
		}
		g.DECQ(n)
		g.JNE(operand.LabelRef("loop"))
		g.raw("TILERELEASE", false)
		g.finish()
	}
}

// genPeakPaired repeats 12 times the step for weights whose pairs cannot saturate a word.
func genPeakPaired(g *gen) {
	n, acc, x, ones, t := g.arg("n", ""), g.vecs(peakChains), g.loaded(g.u32(0x01010101)), g.loaded(g.u32(0x00010001)), g.vec()
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	for _, v := range acc {
		g.VPMADDUBSW(x, x, t)
		g.VPMADDWD(ones, t, t)
		g.VPADDD(t, v, v)
	}
	g.DECQ(n)
	g.JNE(operand.LabelRef("loop"))
	g.finish()
}
