package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// streams emits a loop over n elements of the arrays that pointers point at: body loads from and stores to them, a vector at a time, the
// last one through a mask. It returns from the kernel.
func (g *gen) streams(n reg.GPVirtual, pointers []reg.GPVirtual, body func(load func(p reg.GPVirtual) reg.VecVirtual, store func(v reg.VecVirtual, p reg.GPVirtual))) {
	for _, u := range []int{2, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		for i := range u {
			body(func(p reg.GPVirtual) reg.VecVirtual { return g.loaded(mem(p, i*g.lanes*4)) },
				func(v reg.VecVirtual, p reg.GPVirtual) { g.VMOVUPS(v, mem(p, i*g.lanes*4)) })
		}
		for _, p := range pointers {
			g.ADDQ(operand.U32(u*g.lanes*4), p)
		}
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	body(func(p reg.GPVirtual) reg.VecVirtual {
		v := g.vec()
		g.loadMasked(mem(p, 0), m, 0, v)
		return v
	}, func(v reg.VecVirtual, p reg.GPVirtual) { g.storeMasked(v, m, 0, mem(p, 0)) })
	g.Label("done")
	g.finish()
}

// genBlend: dst = a·b + (c·d), the sum as one FMA.
func genBlend(g *gen) {
	dst, a, b, c, d := g.ptr("dst"), g.ptr("a"), g.ptr("b"), g.ptr("c"), g.ptr("d")
	g.streams(g.length("dst"), []reg.GPVirtual{dst, a, b, c, d}, func(load func(reg.GPVirtual) reg.VecVirtual, store func(reg.VecVirtual, reg.GPVirtual)) {
		x, y := load(c), load(d)
		g.VMULPS(y, x, x)
		y = load(a)
		g.VFMADD231PS(load(b), y, x)
		store(x, dst)
	})
}

// genRotary turns pairs (x[i], x[n+i]), n = len(cos).
func genRotary(g *gen) {
	dst, x, cos, sin, n := g.ptr("dst"), g.ptr("x"), g.ptr("cos"), g.ptr("sin"), g.length("cos")
	dst2, x2 := g.GP64(), g.GP64()
	g.LEAQ(indexed(dst, n, 4, 0), dst2)
	g.LEAQ(indexed(x, n, 4, 0), x2)
	g.streams(n, []reg.GPVirtual{dst, dst2, x, x2, cos, sin}, func(load func(reg.GPVirtual) reg.VecVirtual, store func(reg.VecVirtual, reg.GPVirtual)) {
		a, b, c, s := load(x), load(x2), load(cos), load(sin)
		re, im := g.vec(), g.vec()
		g.VMULPS(s, b, re)
		g.VFMSUB231PS(c, a, re)
		g.VMULPS(s, a, im)
		g.VFMADD231PS(c, b, im)
		store(re, dst)
		store(im, dst2)
	})
}

// genRotaryPairs turns pairs (x[2i], x[2i+1]) by tables that have an entry per element.
func genRotaryPairs(g *gen) {
	dst, x, cos, sin := g.ptr("dst"), g.ptr("x"), g.ptr("cos"), g.ptr("sin")
	g.streams(g.length("cos"), []reg.GPVirtual{dst, x, cos, sin}, func(load func(reg.GPVirtual) reg.VecVirtual, store func(reg.VecVirtual, reg.GPVirtual)) {
		a, other := load(x), g.vec()
		g.VPSHUFD(operand.U8(0b10_11_00_01), a, other)
		g.VMULPS(load(sin), other, other)
		g.VFMADD231PS(load(cos), a, other)
		store(other, dst)
	})
}
