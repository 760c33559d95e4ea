package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pending is a section whose sums lie in scratch. The next section finishes and writes a row of it after each of its products, so that
// the vector units work beside the tile unit: calls with u8 outputs take 0.8, 0.7, 0.77 of the time at K = 256, 512, 1024 (Emerald Rapids).
type pending struct {
	src, dst, left reg.GPVirtual // next row, and rows to go
	mask           []reg.OpmaskVirtual
	bias, factor   []reg.VecVirtual // of each panel
	lo, hi, zp     reg.VecVirtual
}

// newPending starts with no rows, and loads what is the same for all columns.
func (g *tileNest) newPending() {
	p := &pending{src: g.GP64(), dst: g.GP64(), left: g.GP64(), mask: []reg.OpmaskVirtual{g.K(), g.K()}}
	g.pending = p
	g.MOVQ(operand.U32(0), p.left)
	switch {
	case g.floats:
		p.bias, p.lo = g.vecs(2), g.floor("flags", gemmRelu)
	case g.out == toU8:
		p.bias, p.factor = g.vecs(2), g.vecs(2)
		p.lo, p.hi, p.zp = g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
	case g.out == toF32:
		p.bias, p.factor, p.lo = g.vecs(2), g.vecs(2), g.floor("relu", 1)
	}
}

// leave makes the section in scratch the pending one.
func (g *tileNest) leave(rows int) {
	p := g.pending
	cols, few := g.columnsLeft(), g.label("few")
	g.CMPQ(cols, operand.U32(2*panelCols))
	g.JLE(operand.LabelRef(few))
	g.MOVQ(operand.U32(2*panelCols), cols)
	g.Label(few)
	m := g.newMask(cols, 2)
	for i, k := range m.bits {
		g.KMOVW(k, p.mask[i])
	}
	load := func(name string, dst []reg.VecVirtual) {
		for i, v := range dst {
			g.loadMasked(g.columnVector(name, i), m, i, v)
		}
	}
	switch {
	case g.floats:
		for _, v := range p.bias {
			g.VMOVUPS(g.f32(float32(math.Copysign(0, -1))), v) // the one number that changes none
		}
		g.ifFlag(gemmBias, func() { load("bias", p.bias) })
	case g.out != toS32:
		load("bias", p.bias)
		load(map[outU8S8]string{toU8: "mult", toF32: "scale"}[g.out], p.factor)
	}
	g.MOVQ(g.param("scratch", "base"), p.src)
	c, many := g.cAt(), g.label("many")
	g.MOVQ(c, p.dst)
	g.MOVQ(g.mLeft, p.left)
	g.CMPQ(p.left, operand.U32(16*rows))
	g.JLE(operand.LabelRef(many))
	g.MOVQ(operand.U32(16*rows), p.left)
	g.Label(many)
}

// finishRows finishes all pending rows.
func (g *tileNest) finishRows() {
	loop, end := g.label("row"), g.label("rowsend")
	g.TESTQ(g.pending.left, g.pending.left)
	g.JEQ(operand.LabelRef(end))
	g.Label(loop)
	g.finishRow()
	g.TESTQ(g.pending.left, g.pending.left)
	g.JNE(operand.LabelRef(loop))
	g.Label(end)
}

// finishRow finishes a pending row of both panels and writes it to C.
func (g *tileNest) finishRow() {
	p := g.pending
	for i, mask := range p.mask {
		v := g.vec()
		g.VMOVUPS(mem(p.src, 2*i*tileBytes), v)
		switch {
		case g.floats:
			g.VADDPS(p.bias[i], v, v)
			g.VMAXPS(v, p.lo, v)
		case g.out != toS32:
			g.VPADDD(p.bias[i], v, v)
			g.VCVTDQ2PS(v, v)
			g.VMULPS(p.factor[i], v, v)
			if g.out == toU8 {
				g.clampRound(v, p.lo, p.hi, p.zp)
			} else {
				g.VMAXPS(v, p.lo, v)
			}
		}
		if g.out == toU8 {
			g.VPMOVDB(v, mask, mem(p.dst, panelCols*i))
		} else {
			g.VMOVUPS(v, mask, mem(p.dst, 4*panelCols*i))
		}
	}
	g.ADDQ(operand.U32(64), p.src)
	g.ADDQ(g.cStep, p.dst)
	g.DECQ(p.left)
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
