package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genBinary emits dst[i] = op(a[i], b[i]) three times: for two arrays, for one b and for one a. op leaves its result in a; b may be
// overwritten only where it is an array's.
func genBinary(op func(g *gen, a, b reg.VecVirtual)) func(*gen) {
	return func(g *gen) {
		dst, a, b, n := g.ptr("dst"), g.ptr("a"), g.ptr("b"), g.length("dst")
		g.CMPQ(n, g.param("b", "len"))
		g.JNE(operand.LabelRef("scalarB"))
		g.CMPQ(n, g.param("a", "len"))
		g.JNE(operand.LabelRef("scalarA"))
		g.pairs(dst, n, a, b, op)
		g.Label("scalarB")
		g.pairs(dst, n, a, nil, op)
		g.Label("scalarA")
		g.pairs(dst, n, nil, b, op)
	}
}

// pairs emits one loop and its return; a nil pointer stands for a broadcast operand.
func (g *gen) pairs(dst, n, a, b reg.GPVirtual, op func(g *gen, a, b reg.VecVirtual)) {
	const unroll = 4
	scalar := g.vec()
	switch {
	case a == nil:
		g.VBROADCASTSS(operand.Mem{Base: g.ptr("a")}, scalar)
	case b == nil:
		g.VBROADCASTSS(operand.Mem{Base: g.ptr("b")}, scalar)
	}
	operands := func(load func(p reg.GPVirtual, v reg.VecVirtual)) (x, y reg.VecVirtual) {
		x, y = g.vec(), scalar
		if a == nil {
			g.VMOVAPS(scalar, x)
		} else {
			load(a, x)
		}
		if b != nil {
			y = g.vec()
			load(b, y)
		}
		return x, y
	}
	done := g.label("done")
	for _, u := range []int{unroll, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		for i := range u {
			x, y := operands(func(p reg.GPVirtual, v reg.VecVirtual) { g.VMOVUPS(mem(p, i*g.lanes*4), v) })
			op(g, x, y)
			g.VMOVUPS(x, mem(dst, i*g.lanes*4))
		}
		for _, p := range []reg.GPVirtual{dst, a, b} {
			if p != nil {
				g.ADDQ(operand.U32(u*g.lanes*4), p)
			}
		}
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef(done))
	m := g.newMask(n, 1)
	x, y := operands(func(p reg.GPVirtual, v reg.VecVirtual) { g.loadMasked(mem(p, 0), m, 0, v) })
	op(g, x, y)
	g.storeMasked(x, m, 0, mem(dst, 0))
	g.Label(done)
	g.finish()
}

var (
	genAdd = genBinary(func(g *gen, a, b reg.VecVirtual) { g.VADDPS(b, a, a) })
	genSub = genBinary(func(g *gen, a, b reg.VecVirtual) { g.VSUBPS(b, a, a) })
	genMul = genBinary(func(g *gen, a, b reg.VecVirtual) { g.VMULPS(b, a, a) })
	genDiv = genBinary(func(g *gen, a, b reg.VecVirtual) { g.VDIVPS(b, a, a) })
	// The sums of reductions over other than the last axis: a + |b| and a + b².
	genAddAbs = genBinary(func(g *gen, a, b reg.VecVirtual) {
		t := g.abs(b)
		g.VADDPS(t, a, a)
	})
	genAddSquare = genBinary(func(g *gen, a, b reg.VecVirtual) { g.VFMADD231PS(b, b, a) })
	genMaximum   = genBinary(func(g *gen, a, b reg.VecVirtual) {
		r := g.vec()
		g.VMAXPS(b, a, r) // a > b ? a : b
		g.where(unordered, a, a, a, r)
		g.VMOVAPS(r, a)
	})
	genPRelu = genBinary(func(g *gen, a, b reg.VecVirtual) {
		zero, t := g.vec(), g.vec()
		g.zero(zero)
		g.VMULPS(b, a, t)
		g.where(less, a, zero, t, a)
	})
	genMinimum = genBinary(func(g *gen, a, b reg.VecVirtual) {
		r := g.vec()
		g.VMINPS(b, a, r)
		g.where(unordered, a, a, a, r)
		g.VMOVAPS(r, a)
	})
)
