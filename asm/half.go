package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// convert emits a loop over whole vectors of dst and x, whose elements have these sizes; the length of x is a multiple of 16.
func (g *gen) convert(dstSize, xSize int, body func(x, dst operand.Mem)) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	g.Label("loop")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	body(mem(x, 0), mem(dst, 0))
	g.ADDQ(operand.U32(xSize*g.lanes), x)
	g.ADDQ(operand.U32(dstSize*g.lanes), dst)
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("done")
	g.finish()
}

func genConvertF16F32(g *gen) {
	v := g.vec()
	g.convert(4, 2, func(x, dst operand.Mem) {
		g.VCVTPH2PS(x, v)
		g.VMOVUPS(v, dst)
	})
}

func genConvertF32F16(g *gen) {
	v := g.vec()
	g.convert(2, 4, func(x, dst operand.Mem) {
		g.VMOVUPS(x, v)
		g.VCVTPS2PH(operand.U8(0), v, dst) // to nearest, ties to even
	})
}

func genConvertBF16F32(g *gen) {
	v := g.vec()
	g.convert(4, 2, func(x, dst operand.Mem) {
		g.VPMOVZXWD(x, v)
		g.VPSLLD(operand.U8(16), v, v)
		g.VMOVUPS(v, dst)
	})
}

// genConvertF32BF16 adds just under half a unit, or half where the result would be odd; VCVTNEPS2BF16 would flush subnormals.
func genConvertF32BF16(g *gen) {
	v, odd, quiet := g.vec(), g.vec(), g.vec()
	g.convert(2, 4, func(x, dst operand.Mem) {
		g.VMOVUPS(x, v)
		g.VPSRLD(operand.U8(16), v, odd)
		g.VANDPS(g.u32(1), odd, odd)
		g.VORPS(g.u32(0x400000), v, quiet)
		nan := g.unordered(v)
		g.VPADDD(odd, v, v)
		g.VPADDD(g.u32(0x7fff), v, v)
		nan(quiet, v)
		g.VPSRLD(operand.U8(16), v, v)
		if g.wide() {
			g.VPMOVDW(v, dst)
			return
		}
		h := g.XMM()
		g.VEXTRACTI128(operand.U8(1), v, h)
		g.VPACKUSDW(h, xmm(v), xmm(v))
		g.VMOVUPS(xmm(v), dst)
	})
}

// unordered finds the lanes of x that are NaN now and returns how to put them from src into dst later.
func (g *gen) unordered(x reg.VecVirtual) func(src, dst reg.VecVirtual) {
	if g.wide() {
		k := g.K()
		g.VCMPPS(operand.U8(unordered), x, x, k)
		return func(src, dst reg.VecVirtual) { g.VMOVAPS(src, k, dst) }
	}
	m := g.vec()
	g.VCMPPS(operand.U8(unordered), x, x, m)
	return func(src, dst reg.VecVirtual) { g.VBLENDVPS(m, src, dst, dst) }
}
