package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genExpSum emits dst[i] = e^(x[i] − sub) and returns the sum of them, striped over 64 accumulators as genStriped does. x[i] ≤ sub, so
// the exponential needs no upper limit.
func genExpSum(g *gen) {
	sub := g.broadcastArg("sub")
	g.hoistExp(expAbove)
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("x")
	acc := g.vecs(64 / g.lanes)
	for _, v := range acc {
		g.zero(v)
	}
	g.Label("loop")
	g.CMPQ(n, operand.U32(64))
	g.JLT(operand.LabelRef("tail"))
	parts := g.parts(1, 4) // eight of sixteen registers hold sums
	for first := 0; first < len(acc); first += parts {
		g.interleaved(parts, func(i int) {
			v := g.loaded(mem(x, (first+i)*g.lanes*4))
			g.VSUBPS(sub, v, v)
			e := g.exponential(v, expAbove)
			g.VMOVUPS(e, mem(dst, (first+i)*g.lanes*4))
			g.VADDPS(e, acc[first+i], acc[first+i])
		})
	}
	g.ADDQ(operand.U32(256), x)
	g.ADDQ(operand.U32(256), dst)
	g.SUBQ(operand.U32(64), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("fold"))
	m := g.newMask(n, len(acc))
	for i, v := range acc {
		t, used := g.vec(), g.vec()
		g.loadMasked(mem(x, i*g.lanes*4), m, i, t)
		g.VSUBPS(sub, t, t)
		e := g.exponential(t, expAbove)
		g.storeMasked(e, m, i, mem(dst, i*g.lanes*4))
		g.zero(used) // what is past the end adds +0, which changes no accumulator: they start from +0
		if g.wide() {
			g.VMOVAPS(e, m.bits[i], used)
		} else {
			g.VBLENDVPS(g.maskVector(m, i), e, used, used)
		}
		g.VADDPS(used, v, v)
	}
	g.Label("fold")
	for half := len(acc) / 2; half > 0; half /= 2 {
		for i := range half {
			g.VADDPS(acc[i+half], acc[i], acc[i])
		}
	}
	g.foldLanes(acc[0], func(src, dst reg.Register) { g.VADDPS(src, dst, dst) })
}
