package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genConv emits the inner loops of convolution: blocks of pixels of one output row times 16 output channels stay in registers, 6 pixels
// of two YMM or 12 of one ZMM. Each tap is a pointer into the packed input and one into the packed weights; within it, channels pass
// one by one. Depthwise convolution differs in one thing: a step multiplies 16 input channels with 16 weights, instead of one with 16.
func genConv(depthwise bool) func(*gen) {
	return func(g *gen) {
		most, perPixel := 6, 16/g.lanes
		if g.wide() {
			most = 12
		}
		c := &convolution{gen: g, depthwise: depthwise, perPixel: perPixel, dst: g.ptr("dst"), x: g.ptr("x"), w: g.ptr("w"), step: g.arg("step", ""), pixels: g.arg("pixels", "")}
		at := g.arg("at", "")
		g.LEAQ(indexed(c.x, at, 4, 0), c.x)
		g.SHLQ(operand.U8(2), c.step)
		g.Label("block")
		g.CMPQ(c.pixels, operand.U32(most))
		g.JLT(operand.LabelRef("rest"))
		c.block(most)
		skip := g.GP64()
		g.IMUL3Q(operand.U32(most), c.step, skip)
		g.ADDQ(skip, c.x)
		g.IMUL3Q(operand.U32(4*most), g.arg("dstep", ""), skip)
		g.ADDQ(skip, c.dst)
		g.SUBQ(operand.U32(most), c.pixels)
		g.JMP(operand.LabelRef("block"))
		g.Label("rest")
		for n := most - 1; n > 0; n-- {
			next := g.label("next")
			g.CMPQ(c.pixels, operand.U32(n))
			g.JNE(operand.LabelRef(next))
			c.block(n)
			g.JMP(operand.LabelRef("done"))
			g.Label(next)
		}
		g.Label("done")
		g.finish()
	}
}

type convolution struct {
	*gen
	depthwise    bool
	perPixel     int // vectors
	dst, x, w    reg.GPVirtual
	step, pixels reg.GPVirtual // step in bytes
}

// block computes n pixels.
func (c *convolution) block(n int) {
	acc := c.vecs(n * c.perPixel)
	for _, v := range acc {
		c.zero(v)
	}
	tap, left := c.ptr("taps"), c.arg("count", "")
	taps, store := c.label("taps"), c.label("store")
	c.TESTQ(left, left)
	c.JEQ(operand.LabelRef(store))
	c.Label(taps)
	c.tap(n, tap, acc)
	c.ADDQ(operand.U32(24), tap)
	c.DECQ(left)
	c.JNE(operand.LabelRef(taps))
	c.Label(store)
	plain := c.label("plain")
	add := c.arg("add", "")
	c.TESTQ(add, add)
	c.JEQ(operand.LabelRef(plain))
	c.eachPixel(acc, func(at operand.Mem, v reg.VecVirtual) { c.VADDPS(at, v, v) })
	c.Label(plain)
	c.eachPixel(acc, func(at operand.Mem, v reg.VecVirtual) { c.VMOVUPS(v, at) })
}

// eachPixel calls f with every accumulator and its place in dst.
func (c *convolution) eachPixel(acc []reg.VecVirtual, f func(at operand.Mem, v reg.VecVirtual)) {
	at, step := c.GP64(), c.arg("dstep", "")
	c.MOVQ(c.dst, at)
	for i, v := range acc {
		if i > 0 && i%c.perPixel == 0 {
			c.LEAQ(indexed(at, step, 4, 0), at)
		}
		f(mem(at, i%c.perPixel*c.lanes*4), v)
	}
}

// tap runs the channels of one tap. Every third pixel has a pointer of its own; the two after it are one and two steps on.
func (c *convolution) tap(n int, tap reg.GPVirtual, acc []reg.VecVirtual) {
	xs := make([]reg.GPVirtual, (n+2)/3)
	for i := range xs {
		xs[i] = c.GP64()
		if i == 0 {
			c.MOVQ(mem(tap, 0), xs[0])
			c.LEAQ(indexed(c.x, xs[0], 4, 0), xs[0])
			continue
		}
		c.LEAQ(indexed(xs[i-1], c.step, 2, 0), xs[i])
		c.ADDQ(c.step, xs[i])
	}
	w, channels := c.GP64(), c.GP64()
	c.MOVQ(mem(tap, 8), w)
	c.LEAQ(indexed(c.w, w, 4, 0), w)
	c.MOVQ(mem(tap, 16), channels)
	loop := c.label("channels")
	c.Label(loop)
	weights := c.vecs(c.perPixel)
	for i, v := range weights {
		c.VMOVUPS(mem(w, i*c.lanes*4), v)
	}
	for p := range n {
		from := func(disp int) operand.Mem { return indexed(xs[p/3], c.step, p%3, disp) }
		for i, v := range weights {
			a := acc[p*c.perPixel+i]
			switch {
			case c.depthwise:
				c.VFMADD231PS(from(i*c.lanes*4), v, a)
			case c.wide():
				c.VFMADD231PS_BCST(from(0), v, a)
			case i == 0:
				b := c.vec()
				c.VBROADCASTSS(from(0), b)
				for j, u := range weights {
					c.VFMADD231PS(b, u, acc[p*c.perPixel+j])
				}
			}
		}
	}
	for _, x := range xs {
		c.ADDQ(operand.U32(4), x)
	}
	c.ADDQ(operand.U32(64), w)
	c.DECQ(channels)
	c.JNE(operand.LabelRef(loop))
}
