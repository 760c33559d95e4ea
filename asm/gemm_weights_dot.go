package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/hotpath/hotpath/internal/cpu"
)

var (
	// Two registers more per row and vector than the f32 products, for widened words.
	tilesDotAVX2 = []weightTile{{4, 1}, {2, 2}, {1, 4}}
	tilesDotVNNI = tilesWeightsAVX512
)

// formatDot4 reads the words of formatBits(4) as bytes: the low nibbles, k 0, 2, 4 and 6 of the word's eight, then the high ones. The rows
// of A lie in that order.
var formatDot4 = weightFormat{
	fields: 4, bytes: 2 * 4 * panelCols, lane: 4, scaled: true, constants: []uint32{0x0f0f0f0f},
	field: func(g *weightNest, i int, at func(int) operand.Mem, word *reg.VecVirtual) reg.VecVirtual {
		x := g.vec()
		if i%2 == 0 {
			*word = g.vec()
			g.VMOVUPS(at(i/2*4*panelCols), *word)
			g.VANDPS(g.kept(0x0f0f0f0f), *word, x)
		} else {
			g.VPSRLD(operand.U8(4), *word, x)
			g.VANDPS(g.kept(0x0f0f0f0f), x, x)
		}
		return x
	},
	dot: func(g *weightNest, weights reg.VecVirtual, a operand.Mem, chain reg.VecVirtual) {
		if g.tier >= cpu.VNNI {
			g.VPDPBUSD_BCST(a, weights, chain)
			return
		}
		// Two products of a nibble and a byte fit in a word.
		t := g.vec()
		g.VPBROADCASTD(a, t)
		g.VPMADDUBSW(t, weights, t)
		g.VPMADDWD(g.u32(0x00010001), t, t)
		g.VPADDD(t, chain, chain)
	},
}

// formatDot8 reads the words of formatBits(8), bytes already.
var formatDot8 = weightFormat{
	fields: 4, bytes: 4 * 4 * panelCols, lane: 4, scaled: true,
	field: func(g *weightNest, i int, at func(int) operand.Mem, _ *reg.VecVirtual) reg.VecVirtual {
		x := g.vec()
		g.VMOVUPS(at(i*4*panelCols), x)
		return x
	},
	dot: func(g *weightNest, weights reg.VecVirtual, a operand.Mem, chain reg.VecVirtual) {
		if g.tier >= cpu.VNNI {
			g.VPDPBUSD_BCST(a, weights, chain)
			return
		}
		// Two products of bytes do not fit in a word: even and odd k apart, as words.
		odd, even, w := g.vec(), g.vec(), g.vec()
		g.VPBROADCASTD(a, odd)
		g.VPSLLW(operand.U8(8), odd, even)
		g.VPSRAW(operand.U8(8), even, even)
		g.VPSRAW(operand.U8(8), odd, odd)
		g.VPSRLW(operand.U8(8), weights, w)
		g.VPMADDWD(odd, w, odd)
		g.VPADDD(odd, chain, chain)
		g.VPAND(g.u32(0x00ff00ff), weights, w)
		g.VPMADDWD(even, w, even)
		g.VPADDD(even, chain, chain)
	},
}
