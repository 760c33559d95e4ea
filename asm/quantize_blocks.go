package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

// genQuantizeBlocks goes through each block twice: its largest magnitude, as an integer so that NaN is larger than all, then the bytes.
func genQuantizeBlocks(g *gen) {
	dst, scale, x, left, block := g.ptr("dst"), g.ptr("scale"), g.ptr("x"), g.length("x"), g.arg("block", "")
	full := g.loaded(g.f32(127))
	v, top, k, at := g.vec(), g.vec(), g.GP64(), g.GP64()
	g.TESTQ(left, left)
	g.JEQ(operand.LabelRef("done"))
	g.Label("block")
	g.VMOVUPS(g.f32(0x1p-100), top)
	g.MOVQ(block, k)
	g.MOVQ(x, at)
	g.Label("peak")
	g.VMOVUPS(mem(at, 0), v)
	g.VANDPS(g.u32(math.MaxInt32), v, v)
	g.VPMAXUD(v, top, top)
	g.ADDQ(operand.U32(4*g.lanes), at)
	g.SUBQ(operand.U32(g.lanes), k)
	g.JNE(operand.LabelRef("peak"))
	if g.wide() {
		g.VEXTRACTF64X4(operand.U8(1), top, v.AsY())
		g.VPMAXUD(v.AsY(), top.AsY(), top.AsY())
	}
	g.VEXTRACTF128(operand.U8(1), top.AsY(), xmm(v))
	g.VPMAXUD(xmm(v), xmm(top), xmm(top))
	for _, swap := range []uint8{0x4e, 0xb1} {
		g.VPSHUFD(operand.U8(swap), xmm(top), xmm(v))
		g.VPMAXUD(xmm(v), xmm(top), xmm(top))
	}
	g.VBROADCASTSS(xmm(top), top)
	g.VDIVPS(full, top, v)
	g.VMOVD(xmm(v), mem(scale, 0))
	g.VDIVPS(top, full, top)
	g.MOVQ(block, k)
	g.Label("bytes")
	g.VMULPS(mem(x, 0), top, v)
	g.VCVTPS2DQ(v, v)
	if g.wide() {
		g.VPMOVSDB(v, mem(dst, 0))
	} else {
		h := g.XMM()
		g.VEXTRACTI128(operand.U8(1), v, h)
		g.VPACKSSDW(h, xmm(v), xmm(v))
		g.VPACKSSWB(xmm(v), xmm(v), xmm(v))
		g.VMOVQ(xmm(v), mem(dst, 0))
	}
	g.ADDQ(operand.U32(4*g.lanes), x)
	g.ADDQ(operand.U32(g.lanes), dst)
	g.SUBQ(operand.U32(g.lanes), k)
	g.JNE(operand.LabelRef("bytes"))
	g.ADDQ(operand.U8(4), scale)
	g.SUBQ(block, left)
	g.JNE(operand.LabelRef("block"))
	g.Label("done")
	g.finish()
}
