package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genSoftmaxRows replaces each row by e^(x − m), m its largest element or −MaxFloat32 if that is −Inf, and stores the striped sum. A row is
// gone through twice, which the first-level cache pays for; the tail's mask is made once.
func genSoftmaxRows(g *gen) {
	x, sums, rows, ld := g.ptr("x"), g.ptr("sums"), g.arg("rows", ""), g.arg("ld", "")
	g.SHLQ(operand.U8(2), ld)
	blocks, tail, used := g.arg("cols", ""), g.arg("cols", ""), g.GP64()
	g.SHRQ(operand.U8(6), blocks)
	g.MOVQ(blocks, used)
	g.SHLQ(operand.U8(6), used)
	g.SUBQ(used, tail)
	left := g.GP64()
	g.MOVQ(tail, left)
	count := 64 / g.lanes
	m := g.newMask(left, count)
	g.hoistExp(expAbove | expBelow)
	// inTail emits the masked load of vector i, other elements being fill.
	inTail := func(p reg.GPVirtual, i int, fill float32) reg.VecVirtual {
		t, v := g.vec(), g.loaded(g.f32(fill))
		g.loadMasked(mem(p, i*g.lanes*4), m, i, t)
		if g.wide() {
			g.VMOVAPS(t, m.bits[i], v)
		} else {
			g.VBLENDVPS(g.maskVector(m, i), t, v, v)
		}
		return v
	}
	// pass emits a loop over a row: whole is called for the vectors of 64 elements, last for those of the tail.
	pass := func(whole, last func(p reg.GPVirtual, i int)) {
		p, n := g.GP64(), g.GP64()
		g.MOVQ(x, p)
		g.MOVQ(blocks, n)
		loop, rest, end := g.label("loop"), g.label("rest"), g.label("end")
		g.Label(loop)
		g.TESTQ(n, n)
		g.JEQ(operand.LabelRef(rest))
		if g.wide() {
			g.interleaved(count, func(i int) { whole(p, i) })
		} else {
			for i := range count {
				whole(p, i)
			}
		}
		g.ADDQ(operand.U32(256), p)
		g.DECQ(n)
		g.JMP(operand.LabelRef(loop))
		g.Label(rest)
		g.TESTQ(tail, tail)
		g.JEQ(operand.LabelRef(end))
		for i := range count {
			last(p, i)
		}
		g.Label(end)
	}

	g.Label("row")
	g.TESTQ(rows, rows)
	g.JEQ(operand.LabelRef("done"))
	largest := g.vecs(4)
	for _, v := range largest {
		g.VMOVUPS(g.f32(-math.MaxFloat32), v)
	}
	pass(func(p reg.GPVirtual, i int) { g.VMAXPS(mem(p, i*g.lanes*4), largest[i%4], largest[i%4]) },
		func(p reg.GPVirtual, i int) { g.VMAXPS(inTail(p, i, negInf), largest[i%4], largest[i%4]) })
	g.VMAXPS(largest[2], largest[0], largest[0])
	g.VMAXPS(largest[3], largest[1], largest[1])
	g.VMAXPS(largest[1], largest[0], largest[0])
	g.halveLanes(largest[0], func(src, dst reg.Register) { g.VMAXPS(src, dst, dst) })
	sub := g.vec()
	g.VBROADCASTSS(largest[0].AsX(), sub)

	acc := g.vecs(count)
	for _, v := range acc {
		g.zero(v)
	}
	pass(func(p reg.GPVirtual, i int) {
		v := g.loaded(mem(p, i*g.lanes*4))
		g.VSUBPS(sub, v, v)
		e := g.exponential(v, expAbove|expBelow)
		g.VMOVUPS(e, mem(p, i*g.lanes*4))
		g.VADDPS(e, acc[i], acc[i])
	}, func(p reg.GPVirtual, i int) { // e^−Inf is +0, which changes no sum
		v := inTail(p, i, negInf)
		g.VSUBPS(sub, v, v)
		e := g.exponential(v, expAbove|expBelow)
		g.storeMasked(e, m, i, mem(p, i*g.lanes*4))
		g.VADDPS(e, acc[i], acc[i])
	})
	for half := count / 2; half > 0; half /= 2 {
		for i := range half {
			g.VADDPS(acc[i+half], acc[i], acc[i])
		}
	}
	g.halveLanes(acc[0], func(src, dst reg.Register) { g.VADDPS(src, dst, dst) })
	g.VMOVSS(acc[0].AsX(), mem(sums, 0))
	g.ADDQ(operand.U32(4), sums)
	g.ADDQ(ld, x)
	g.DECQ(rows)
	g.JMP(operand.LabelRef("row"))
	g.Label("done")
	g.finish()
}

// genScaleRows: dst = x·factor + 0 by one FMA, a factor to each row.
func genScaleRows(g *gen) {
	dst, x, factors, rows := g.ptr("dst"), g.ptr("x"), g.ptr("factors"), g.arg("rows", "")
	ldd, ldx := g.arg("ldd", ""), g.arg("ldx", "")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(2), ldx)
	shift := 3
	if g.wide() {
		shift = 4
	}
	whole, tail, used := g.arg("cols", ""), g.arg("cols", ""), g.GP64()
	g.SHRQ(operand.U8(shift), whole)
	g.MOVQ(whole, used)
	g.SHLQ(operand.U8(shift), used)
	g.SUBQ(used, tail)
	left := g.GP64()
	g.MOVQ(tail, left)
	m := g.newMask(left, 1)
	zero := g.vec()
	g.zero(zero)
	g.Label("row")
	g.TESTQ(rows, rows)
	g.JEQ(operand.LabelRef("done"))
	factor := g.vec()
	g.VBROADCASTSS(mem(factors, 0), factor)
	from, to, n := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(x, from)
	g.MOVQ(dst, to)
	g.MOVQ(whole, n)
	for _, u := range []int{4, 1} {
		loop, end := g.label("loop"), g.label("end")
		g.Label(loop)
		g.CMPQ(n, operand.U32(u))
		g.JLT(operand.LabelRef(end))
		for i := range u {
			v := g.loaded(mem(from, i*g.lanes*4))
			g.VFMADD213PS(zero, factor, v)
			g.VMOVUPS(v, mem(to, i*g.lanes*4))
		}
		g.ADDQ(operand.U32(u*g.lanes*4), from)
		g.ADDQ(operand.U32(u*g.lanes*4), to)
		g.SUBQ(operand.U32(u), n)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
	g.TESTQ(tail, tail)
	g.JEQ(operand.LabelRef("next"))
	t := g.vec()
	g.loadMasked(mem(from, 0), m, 0, t)
	g.VFMADD213PS(zero, factor, t)
	g.storeMasked(t, m, 0, mem(to, 0))
	g.Label("next")
	g.ADDQ(operand.U32(4), factors)
	g.ADDQ(ldx, x)
	g.ADDQ(ldd, dst)
	g.DECQ(rows)
	g.JMP(operand.LabelRef("row"))
	g.Label("done")
	g.finish()
}
