package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// eachVector emits a loop over n elements, a multiple of step; f gets through step of them and moves its pointers on.
func (g *gen) eachVector(n reg.GPVirtual, step int, f func()) {
	g.SUBQ(operand.U32(step), n)
	g.JLT(operand.LabelRef("end"))
	g.Label("loop")
	f()
	g.SUBQ(operand.U32(step), n)
	g.JGE(operand.LabelRef("loop"))
	g.Label("end")
	g.finish()
}

// widened loads the next bytes of p as f32, less zero.
func (g *gen) widened(p reg.GPVirtual, zero reg.VecVirtual) reg.VecVirtual {
	v := g.vec()
	g.VPMOVZXBD(mem(p, 0), v)
	g.VPSUBD(zero, v, v)
	return v
}

// narrowed stores a vector of 0…255 as bytes.
func (g *gen) narrowed(v reg.VecVirtual, dst reg.GPVirtual) {
	if g.wide() {
		g.VPMOVDB(v, mem(dst, 0))
	} else {
		g.packBytes8(v)
		g.VMOVQ(xmm(v), mem(dst, 0))
	}
	g.ADDQ(operand.U32(g.lanes), dst)
}

func genQAdd(g *gen) {
	dst, a, b, n := g.ptr("dst"), g.ptr("a"), g.ptr("b"), g.length("dst")
	zeroA, zeroB, multA, multB := g.broadcastArg("zeroA"), g.broadcastArg("zeroB"), g.broadcastArg("multA"), g.broadcastArg("multB")
	lo, hi, zp := g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
	g.eachVector(n, g.lanes, func() {
		x, y := g.widened(a, zeroA), g.widened(b, zeroB)
		g.VCVTDQ2PS(x, x)
		g.VCVTDQ2PS(y, y)
		g.VMULPS(multA, x, x)
		g.VFMADD231PS(multB, y, x)
		g.clampRound(x, lo, hi, zp)
		g.narrowed(x, dst)
		g.ADDQ(operand.U32(g.lanes), a)
		g.ADDQ(operand.U32(g.lanes), b)
	})
}

// genQMul multiplies words: what is left of bytes without their zero points has nine bits, so VPMADDWD of the low words is exact, and
// the high words are signs, which a mask takes away from one of them.
func genQMul(g *gen) {
	dst, a, b, n := g.ptr("dst"), g.ptr("a"), g.ptr("b"), g.length("dst")
	zeroA, zeroB, mult := g.broadcastArg("zeroA"), g.broadcastArg("zeroB"), g.broadcastArg("mult")
	lo, hi, zp := g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
	low := g.loaded(g.u32(0xffff))
	g.eachVector(n, g.lanes, func() {
		x, y := g.widened(a, zeroA), g.widened(b, zeroB)
		if g.wide() {
			g.VPANDD(low, x, x)
		} else {
			g.VPAND(low, x, x)
		}
		g.VPMADDWD(y, x, x)
		g.VCVTDQ2PS(x, x)
		g.VMULPS(mult, x, x)
		g.clampRound(x, lo, hi, zp)
		g.narrowed(x, dst)
		g.ADDQ(operand.U32(g.lanes), a)
		g.ADDQ(operand.U32(g.lanes), b)
	})
}

func genRequantize(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	bias, mult := g.broadcastArg("bias"), g.broadcastArg("mult")
	lo, hi, zp := g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
	g.eachVector(n, g.lanes, func() {
		v := g.vec()
		g.VPADDD(mem(x, 0), bias, v)
		g.VCVTDQ2PS(v, v)
		g.VMULPS(mult, v, v)
		g.clampRound(v, lo, hi, zp)
		g.narrowed(v, dst)
		g.ADDQ(operand.U32(4*g.lanes), x)
	})
}

func genAddU8(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	g.eachVector(n, g.lanes, func() {
		v := g.vec()
		g.VPMOVZXBD(mem(x, 0), v)
		g.VPADDD(mem(dst, 0), v, v)
		g.VMOVUPS(v, mem(dst, 0))
		g.ADDQ(operand.U32(g.lanes), x)
		g.ADDQ(operand.U32(4*g.lanes), dst)
	})
}

// genMaximumU8 takes 32 bytes a step on both tiers: images have as few channels.
func genMaximumU8(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	g.eachVector(n, 32, func() {
		v := g.YMM()
		g.VMOVDQU(mem(x, 0), v)
		g.VPMAXUB(mem(dst, 0), v, v)
		g.VMOVDQU(v, mem(dst, 0))
		g.ADDQ(operand.U32(32), x)
		g.ADDQ(operand.U32(32), dst)
	})
}

// genLookup finds bytes in a table of 256, sixteen entries at a time. With the number of the sixteen subtracted from the high half, a byte
// of theirs is below 16; adding 0x70, saturating, sets bit 7 of all others, for which VPSHUFB gives zero.
func genLookup(g *gen) {
	dst, x, table, n := g.ptr("dst"), g.ptr("x"), g.ptr("table"), g.length("dst")
	const width = 64
	vectors := width / 4 / g.lanes
	high, sixteen := g.loaded(g.u32(0x70707070)), g.loaded(g.u32(0x10101010))
	g.eachVector(n, width, func() {
		index, found := make([]reg.VecVirtual, vectors), g.vecs(vectors)
		for i := range index {
			index[i] = g.loaded(mem(x, i*4*g.lanes))
			g.zero(found[i])
		}
		for part := range 16 {
			entries := g.vec()
			if g.wide() {
				g.VBROADCASTI32X4(mem(table, 16*part), entries)
			} else {
				g.VBROADCASTI128(mem(table, 16*part), entries)
			}
			for i, v := range index {
				at := g.vec()
				g.VPADDUSB(high, v, at)
				g.VPSHUFB(at, entries, at)
				if g.wide() {
					g.VPORD(at, found[i], found[i])
				} else {
					g.VPOR(at, found[i], found[i])
				}
				if part < 15 {
					g.VPSUBB(sixteen, v, v)
				}
			}
		}
		for i, v := range found {
			g.VMOVUPS(v, mem(dst, i*4*g.lanes))
		}
		g.ADDQ(operand.U32(width), x)
		g.ADDQ(operand.U32(width), dst)
	})
}
