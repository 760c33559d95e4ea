package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genSum keeps the 64 striped accumulators of kernels.sum_f32_ref in registers and folds them in halves. A masked-off lane adds
// +0, which changes no accumulator: they start from +0 and so are never −0.
func genSum(g *gen) {
	x, n := g.ptr("x"), g.length("x")
	acc := g.vecs(64 / g.lanes)
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(64))
	g.JLT(operand.LabelRef("tail"))
	for i, v := range acc {
		g.VADDPS(mem(x, i*g.lanes*4), v, v)
	}
	g.ADDQ(operand.U32(256), x)
	g.SUBQ(operand.U32(64), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("fold"))
	m := g.newMask(n, len(acc))
	for i, v := range acc {
		t := g.vec()
		g.loadMasked(mem(x, i*g.lanes*4), m, i, t)
		g.VADDPS(t, v, v)
	}
	g.Label("fold")
	for half := len(acc) / 2; half > 0; half /= 2 {
		for i := range half {
			g.VADDPS(acc[i+half], acc[i], acc[i])
		}
	}
	g.foldLanes(acc[0], func(src, dst reg.Register) { g.VADDPS(src, dst, dst) })
}

// foldLanes combines the upper half of v with the lower until one element is left, and returns it.
func (g *gen) foldLanes(v reg.VecVirtual, combine func(src, dst reg.Register)) {
	if g.wide() {
		h := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), v, h)
		combine(h, v.AsY())
	}
	h := g.XMM()
	g.VEXTRACTF128(operand.U8(1), v.AsY(), h)
	combine(h, v.AsX())
	g.VPSHUFD(operand.U8(0b1110), v.AsX(), h)
	combine(h, v.AsX())
	g.VPSHUFD(operand.U8(0b01), v.AsX(), h)
	combine(h, v.AsX())
	ret, err := g.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	g.VMOVSS(v.AsX(), ret.Addr)
	g.finish()
}

// genMax runs four chains of maxima from −Inf. Masked-off lanes of the rest are −Inf too.
func genMax(g *gen) {
	x, n := g.ptr("x"), g.length("x")
	negInf := g.loaded(g.f32(float32(math.Inf(-1))))
	acc := g.vecs(4)
	for _, v := range acc {
		g.VMOVAPS(negInf, v)
	}
	for _, u := range []int{4, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		for i := range u {
			g.VMAXPS(mem(x, i*g.lanes*4), acc[i], acc[i])
		}
		g.ADDQ(operand.U32(u*g.lanes*4), x)
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("fold"))
	m := g.newMask(n, 1)
	if g.wide() {
		g.VMAXPS(mem(x, 0), acc[0], m.bits[0], acc[0])
	} else {
		v, t := g.maskVector(m, 0), g.vec()
		g.VMASKMOVPS(mem(x, 0), v, t)
		g.VBLENDVPS(v, t, negInf, t)
		g.VMAXPS(t, acc[0], acc[0])
	}
	g.Label("fold")
	g.VMAXPS(acc[1], acc[0], acc[0])
	g.VMAXPS(acc[3], acc[2], acc[2])
	g.VMAXPS(acc[2], acc[0], acc[0])
	g.foldLanes(acc[0], func(src, dst reg.Register) { g.VMAXPS(src, dst, dst) })
}
