package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genWeightedRows keeps unroll vectors of sums in registers while it goes through the rows.
func genWeightedRows(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("dst")
	w, at, taps := g.ptr("w"), g.ptr("at"), g.length("w")
	columns := func(u int, load func(from operand.Mem, i int, v reg.VecVirtual), store func(v reg.VecVirtual, i int)) {
		sums := g.vecs(u)
		for _, s := range sums {
			g.zero(s)
		}
		t, row := g.GP64(), g.GP64()
		loop, end := g.label("taps"), g.label("tapsEnd")
		g.MOVQ(operand.U32(0), t)
		g.Label(loop)
		g.CMPQ(t, taps)
		g.JGE(operand.LabelRef(end))
		weight := g.vec()
		g.VBROADCASTSS(operand.Mem{Base: w, Index: t, Scale: 4}, weight)
		g.MOVQ(operand.Mem{Base: at, Index: t, Scale: 8}, row)
		for i, s := range sums {
			v := g.vec()
			load(operand.Mem{Base: x, Index: row, Scale: 4, Disp: i * g.lanes * 4}, i, v)
			g.VFMADD231PS(v, weight, s)
		}
		g.INCQ(t)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
		for i, s := range sums {
			store(s, i)
		}
	}
	for _, u := range []int{4, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u*g.lanes))
		g.JLT(operand.LabelRef(end))
		columns(u, func(from operand.Mem, _ int, v reg.VecVirtual) { g.VMOVUPS(from, v) },
			func(v reg.VecVirtual, i int) { g.VMOVUPS(v, mem(dst, i*g.lanes*4)) })
		g.ADDQ(operand.U32(u*g.lanes*4), x)
		g.ADDQ(operand.U32(u*g.lanes*4), dst)
		g.SUBQ(operand.U32(u*g.lanes), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	columns(1, func(from operand.Mem, _ int, v reg.VecVirtual) { g.loadMasked(from, m, 0, v) },
		func(v reg.VecVirtual, _ int) { g.storeMasked(v, m, 0, mem(dst, 0)) })
	g.Label("done")
	g.finish()
}

// genWeightedTaps gathers one vector of elements per tap.
func genWeightedTaps(g *gen) {
	dst, x, n := g.ptr("dst"), g.ptr("x"), g.length("dst")
	w, at, taps := g.ptr("w"), g.ptr("at"), g.arg("taps", "")
	row := g.GP64() // bytes of a tap's weights and positions
	g.MOVQ(n, row)
	g.SHLQ(operand.U8(2), row)
	sums := func(load func(from operand.Mem, v reg.VecVirtual), gather func(index, v reg.VecVirtual)) reg.VecVirtual {
		s, t, tw, ta := g.vec(), g.GP64(), g.GP64(), g.GP64()
		g.zero(s)
		g.MOVQ(taps, t)
		g.MOVQ(w, tw)
		g.MOVQ(at, ta)
		loop, end := g.label("taps"), g.label("tapsEnd")
		g.Label(loop)
		g.TESTQ(t, t)
		g.JEQ(operand.LabelRef(end))
		index, weight, v := g.vec(), g.vec(), g.vec()
		load(mem(ta, 0), index)
		load(mem(tw, 0), weight)
		gather(index, v)
		g.VFMADD231PS(v, weight, s)
		g.ADDQ(row, tw)
		g.ADDQ(row, ta)
		g.DECQ(t)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
		return s
	}
	from := func(index reg.VecVirtual) operand.Mem { return operand.Mem{Base: x, Index: index, Scale: 4} }
	g.Label("loop")
	g.CMPQ(n, operand.U32(g.lanes))
	g.JLT(operand.LabelRef("tail"))
	s := sums(func(from operand.Mem, v reg.VecVirtual) { g.VMOVUPS(from, v) }, func(index, v reg.VecVirtual) {
		g.zero(v)
		if g.wide() {
			k := g.K()
			g.KXNORW(k, k, k)
			g.VGATHERDPS(from(index), k, v)
		} else {
			ones := g.vec()
			g.VPCMPEQD(ones, ones, ones)
			g.VGATHERDPS(ones, from(index), v)
		}
	})
	g.VMOVUPS(s, mem(dst, 0))
	for _, p := range []reg.GPVirtual{dst, w, at} {
		g.ADDQ(operand.U32(g.lanes*4), p)
	}
	g.SUBQ(operand.U32(g.lanes), n)
	g.JMP(operand.LabelRef("loop"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JEQ(operand.LabelRef("done"))
	m := g.newMask(n, 1)
	s = sums(func(from operand.Mem, v reg.VecVirtual) { g.loadMasked(from, m, 0, v) }, func(index, v reg.VecVirtual) {
		g.zero(v)
		if g.wide() {
			k := g.K()
			g.KMOVW(m.bits[0], k)
			g.VGATHERDPS(from(index), k, v)
		} else {
			g.VGATHERDPS(g.maskVector(m, 0), from(index), v)
		}
	})
	g.storeMasked(s, m, 0, mem(dst, 0))
	g.Label("done")
	g.finish()
}
