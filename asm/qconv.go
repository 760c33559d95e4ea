package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/hotpath/hotpath/internal/cpu"
)

var (
	// 14×32: rows of ResNet-50's images are multiples of 14 pixels, or 7.
	shapeConvVNNI   = shape{panels: []int{2, 1}, rows: []height{{14, 14}, {7, 7}, {4, 4}, {2, 2}, {1, 1}}}
	shapeConvAVX512 = shape{panels: []int{2, 1}, rows: []height{{12, 14}, {7, 7}, {4, 4}, {2, 2}, {1, 1}}}
	shapeConvAVX2   = shape{panels: []int{1}, rows: []height{{6, 11}, {5, 9}, {4, 7}, {3, 3}, {2, 2}, {1, 1}}}
)

// genQConv emits a convolution as a product whose rows, the pixels, lie lda apart, and each of whose rows is as many runs of k elements
// as there are taps, from where the tap says.
func genQConv(s shape, out outU8S8, words bool) func(*gen) {
	return func(g *gen) {
		n := &nest{gen: g, cSize: 4, stride: g.arg("panel", "")}
		if out == toU8 {
			n.cSize = 1
		}
		size := 1
		if words {
			size = 2
		}
		n.section = func(t tile, full bool) { n.sectionQConv(t, full, out, size) }
		n.emit(s, size-1)
	}
}

// sectionQConv computes one tile over all taps, four k at a time; elements of A have size bytes.
func (g *nest) sectionQConv(t tile, full bool, out outU8S8, size int) {
	acc := g.accumulators(t)
	b := g.newStrided(g.b, g.stride, t.panels)
	tap, left := g.ptr("taps"), g.length("taps")
	taps, loop, rest, next := g.label("taps"), g.label("k"), g.label("krest"), g.label("next")
	g.Label(taps)
	first := g.GP64()
	g.MOVQ(mem(tap, 0), first)
	g.LEAQ(indexed(g.a, first, size, 0), first)
	a, k := g.newStrided(first, g.lda, t.rows), g.arg("k", "")
	step := func(u int) {
		if size == 2 {
			g.stepS16S8(acc, a, b, u)
		} else {
			g.stepU8S8(acc, b, u, func(r int, v reg.VecVirtual) { g.VPBROADCASTD(a.at(r, 4*u), v) })
		}
	}
	g.SUBQ(operand.U32(8), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	step(0)
	step(1)
	g.advance(a, 8*size)
	g.advance(b, 2*4*panelCols)
	g.SUBQ(operand.U32(8), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(8), k)
	g.JEQ(operand.LabelRef(next))
	step(0)
	g.advance(b, 4*panelCols)
	g.Label(next)
	g.ADDQ(operand.U32(8), tap)
	g.DECQ(left)
	g.JNE(operand.LabelRef(taps))
	g.epilogue(t, full, func(e edge) { e.finishU8S8(t, acc, out) })
}

// genQDepthwise emits a depthwise convolution: vectors of 64 (32) channels, of which four taps at a time are interleaved by bytes and by
// words, so that the four bytes of a channel meet its four weights. What packing then does to the channels is undone by the packs of the
// epilogue. x may be read to whole vectors.
func genQDepthwise(g *gen) {
	d := &qdepthwise{gen: g, w: g.ptr("w"), dst: g.local("dst", "base"), x: g.local("x", "base"), bias: g.local("bias", "base"),
		mult: g.local("mult", "base"), channels: g.local("channels", "")}
	d.lo, d.hi, d.zp = g.broadcastArg("lo"), g.broadcastArg("hi"), g.broadcastArg("zp")
	most := 1
	if g.wide() {
		most = 4
	}
	g.Label("channels")
	if g.wide() {
		d.mask = g.byteMask(d.read(d.channels))
	}
	d.pixel, d.to, d.pixels = d.read(d.x), d.read(d.dst), g.arg("pixels", "")
	for n := most; n > 0; n /= 4 {
		loop, rest := g.label("pixels"), g.label("fewer")
		g.Label(loop)
		g.CMPQ(d.pixels, operand.U32(n))
		g.JLT(operand.LabelRef(rest))
		d.block(n)
		g.SUBQ(operand.U32(n), d.pixels)
		g.JMP(operand.LabelRef(loop))
		g.Label(rest)
	}
	// AVX2 goes through a packed block of 64 channels in two halves: the second lies 32 bytes on in each vector of 64.
	width := 4 * g.lanes
	more := d.read(d.channels)
	g.SUBQ(operand.U32(width), more)
	g.MOVQ(more, d.channels)
	d.move(d.x, width)
	d.move(d.dst, width)
	block := func(back int) {
		taps := g.length("taps")
		g.SHLQ(operand.U8(6), taps)
		g.ADDQ(taps, d.w)
		g.SUBQ(operand.U32(back), d.w)
		d.move(d.bias, 256-back)
		d.move(d.mult, 256-back)
	}
	if g.wide() {
		block(0)
	} else {
		first, onward := g.label("first"), g.label("onward")
		before := g.arg("channels", "")
		g.SUBQ(more, before)
		g.TESTQ(operand.U32(32), before)
		g.JNE(operand.LabelRef(first))
		block(32)
		g.JMP(operand.LabelRef(onward))
		g.Label(first)
		g.ADDQ(operand.U32(32), d.w)
		d.move(d.bias, 32)
		d.move(d.mult, 32)
		g.Label(onward)
	}
	g.TESTQ(more, more)
	g.JLE(operand.LabelRef("done"))
	g.JMP(operand.LabelRef("channels"))
	g.Label("done")
	g.finish()
}

type qdepthwise struct {
	*gen
	dst, x, bias, mult operand.Mem // where those of the current vector start
	channels           operand.Mem // left
	w                  reg.GPVirtual
	pixel, to, pixels  reg.GPVirtual
	lo, hi, zp         reg.VecVirtual
	mask               reg.OpmaskVirtual
}

// local copies an argument to a place on the stack.
func (g *gen) local(name, part string) operand.Mem {
	m := g.AllocLocal(8)
	g.MOVQ(g.arg(name, part), m)
	return m
}

func (d *qdepthwise) read(m operand.Mem) reg.GPVirtual {
	r := d.GP64()
	d.MOVQ(m, r)
	return r
}

func (d *qdepthwise) move(m operand.Mem, by int) {
	r := d.read(m)
	d.ADDQ(operand.U32(by), r)
	d.MOVQ(r, m)
}

// byteMask selects the first n bytes of a ZMM. It clobbers n.
func (g *gen) byteMask(n reg.GPVirtual) reg.OpmaskVirtual {
	bits, k, some := g.GP64(), g.K(), g.label("some")
	g.MOVQ(operand.I32(-1), bits)
	g.CMPQ(n, operand.U32(64))
	g.JGE(operand.LabelRef(some))
	g.BZHIQ(n, bits, bits)
	g.Label(some)
	g.KMOVQ(bits, k)
	return k
}

// block computes n pixels of one vector of channels and moves on to those behind them.
func (d *qdepthwise) block(n int) {
	acc := make([][]reg.VecVirtual, n)
	for p := range acc {
		acc[p] = d.vecs(4)
		for _, v := range acc[p] {
			d.zero(v)
		}
	}
	tap, left, w, loop := d.ptr("taps"), d.length("taps"), d.GP64(), d.label("taps")
	d.MOVQ(d.w, w)
	d.Label(loop)
	d.taps(acc, tap, w)
	d.ADDQ(operand.U32(32), tap)
	d.ADDQ(operand.U32(256), w)
	d.SUBQ(operand.U32(4), left)
	d.JNE(operand.LabelRef(loop))
	channels := d.arg("channels", "")
	biases, mults := d.read(d.bias), d.read(d.mult)
	for q := range 4 {
		bias, mult := d.loaded(mem(biases, 64*q)), d.loaded(mem(mults, 64*q))
		for _, row := range acc {
			d.VPADDD(bias, row[q], row[q])
			d.VCVTDQ2PS(row[q], row[q])
			d.VMULPS(mult, row[q], row[q])
			d.clampRound(row[q], d.lo, d.hi, d.zp)
		}
	}
	for _, row := range acc {
		d.VPACKUSDW(row[1], row[0], row[0])
		d.VPACKUSDW(row[3], row[2], row[2])
		d.VPACKUSWB(row[2], row[0], row[0])
		d.store(row[0])
		d.ADDQ(channels, d.to)
	}
	step := d.arg("step", "")
	for range n {
		d.ADDQ(step, d.pixel)
	}
}

// store writes the bytes of the channels that exist.
func (d *qdepthwise) store(v reg.VecVirtual) {
	if d.wide() {
		d.VMOVDQU8(v, d.mask, mem(d.to, 0))
		return
	}
	cut, half, end := d.label("cut"), d.label("half"), d.label("end")
	left := d.read(d.channels)
	d.CMPQ(left, operand.U32(32))
	d.JLT(operand.LabelRef(cut))
	d.VMOVDQU(v, mem(d.to, 0))
	d.JMP(operand.LabelRef(end))
	d.Label(cut)
	at := d.GP64()
	d.MOVQ(d.to, at)
	d.CMPQ(left, operand.U32(16))
	d.JLT(operand.LabelRef(half))
	d.VMOVDQU(xmm(v), mem(at, 0))
	d.ADDQ(operand.U32(16), at)
	d.VEXTRACTI128(operand.U8(1), v, xmm(v))
	d.Label(half)
	d.storeBytes(xmm(v), left, at)
	d.Label(end)
}

// taps adds the products of four taps.
func (d *qdepthwise) taps(acc [][]reg.VecVirtual, tap, w reg.GPVirtual) {
	var at [4]reg.GPVirtual
	for i := range at {
		at[i] = d.GP64()
		d.MOVQ(mem(tap, 8*i), at[i])
		d.ADDQ(d.pixel, at[i])
	}
	next := func() {
		step := d.arg("step", "")
		for i := range at {
			d.ADDQ(step, at[i])
		}
	}
	if d.tier >= cpu.VNNI {
		var wv []reg.VecVirtual
		for q := range 4 {
			wv = append(wv, d.loaded(mem(w, 64*q)))
		}
		for p, row := range acc {
			if p > 0 {
				next()
			}
			x0, x2 := d.loaded(mem(at[0], 0)), d.loaded(mem(at[2], 0))
			h0, h2 := d.vec(), d.vec()
			d.VPUNPCKHBW(mem(at[1], 0), x0, h0)
			d.VPUNPCKLBW(mem(at[1], 0), x0, x0)
			d.VPUNPCKHBW(mem(at[3], 0), x2, h2)
			d.VPUNPCKLBW(mem(at[3], 0), x2, x2)
			for i, pair := range [][2]reg.VecVirtual{{x0, x2}, {h0, h2}} {
				low, high := d.vec(), d.vec()
				d.VPUNPCKLWD(pair[1], pair[0], low)
				d.VPUNPCKHWD(pair[1], pair[0], high)
				d.VPDPBUSD(wv[2*i], low, row[2*i])
				d.VPDPBUSD(wv[2*i+1], high, row[2*i+1])
			}
		}
		return
	}
	zero := d.vec()
	d.zero(zero)
	for p, row := range acc {
		if p > 0 {
			next()
		}
		for odd := range 2 { // weights in words of even and of odd taps
			low, high := d.loaded(mem(at[odd], 0)), d.vec()
			d.VPUNPCKHBW(mem(at[odd+2], 0), low, high)
			d.VPUNPCKLBW(mem(at[odd+2], 0), low, low)
			for q := range 4 {
				wv, x := d.loaded(mem(w, 64*q)), d.vec()
				if odd == 0 {
					d.VPSLLW(operand.U8(8), wv, wv)
				}
				d.VPSRAW(operand.U8(8), wv, wv)
				if from := []reg.VecVirtual{low, high}[q/2]; q%2 == 0 {
					d.VPUNPCKLBW(zero, from, x)
				} else {
					d.VPUNPCKHBW(zero, from, x)
				}
				d.VPMADDWD(wv, x, x)
				d.VPADDD(x, row[q], row[q])
			}
		}
	}
}
