package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genAffine: dst = (x − sub)·scale + shift, one FMA.
func genAffine(g *gen) {
	sub, scale, shift := g.broadcastArg("sub"), g.broadcastArg("scale"), g.broadcastArg("shift")
	g.elementwise(4, func(x reg.VecVirtual) reg.VecVirtual {
		g.VSUBPS(sub, x, x)
		g.VFMADD213PS(shift, scale, x)
		return x
	})
}

// genNorm: dst[i] = ((x[i] − sub)·inv)·scale[i] + bias[i], the last two as one FMA.
func genNorm(g *gen) {
	dst, x, scale, bias, n := g.ptr("dst"), g.ptr("x"), g.ptr("scale"), g.ptr("bias"), g.length("x")
	sub, inv := g.broadcastArg("sub"), g.broadcastArg("inv")
	step := func(load func(p reg.GPVirtual, v reg.VecVirtual)) reg.VecVirtual {
		v, s, b := g.vec(), g.vec(), g.vec()
		load(x, v)
		load(scale, s)
		load(bias, b)
		g.VSUBPS(sub, v, v)
		g.VMULPS(inv, v, v)
		g.VFMADD213PS(b, s, v)
		return v
	}
	for _, u := range []int{2, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		for i := range u {
			v := step(func(p reg.GPVirtual, v reg.VecVirtual) { g.VMOVUPS(mem(p, i*g.lanes*4), v) })
			g.VMOVUPS(v, mem(dst, i*g.lanes*4))
		}
		for _, p := range []reg.GPVirtual{dst, x, scale, bias} {
			g.ADDQ(operand.U32(u*g.lanes*4), p)
		}
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	g.storeMasked(step(func(p reg.GPVirtual, v reg.VecVirtual) { g.loadMasked(mem(p, 0), m, 0, v) }), m, 0, mem(dst, 0))
	g.Label("done")
	g.finish()
}
