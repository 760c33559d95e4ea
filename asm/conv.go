package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// genConv emits the inner loops of convolution. A tile of pixels side by side times one, two or four blocks of 16 output channels stays in
// registers: 6 pixels of four ZMM or 14 of two, or 6 of two YMM. Six of four load 10 vectors for 24 multiply-adds, 14 of two 16 for 28:
// beside a busy neighbour on the same core that is 1.09 to 1.15 times as fast on Emerald Rapids, and 1.01 times alone. The tile walks down
// rows rows of the image. Each tap is an offset into the packed input and one into the packed weights; within it, channels pass one by one.
// A tap may lie outside of the image for the first or the last pixel: there are loops that leave these out. Depthwise convolution differs
// in one thing: a step multiplies 16 input channels with 16 weights, instead of one with 16. Pooling takes the maximum of 16 channels.
func genConv(kind convKind) func(*gen) {
	return func(g *gen) {
		locals := convLocals{g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)}
		widths := []struct{ panels, most int }{{1, 6}}
		if g.wide() {
			widths = []struct{ panels, most int }{{1, 14}}
			if kind == convFull {
				widths = []struct{ panels, most int }{{4, 6}, {2, 14}, {1, 16}}
			}
		}
		for _, w := range widths {
			panels := w.panels
			narrower := g.label("narrower")
			if panels > 1 {
				g.CMPQ(g.param("panels", ""), operand.U32(panels))
				g.JNE(operand.LabelRef(narrower))
			}
			for n := w.most; n > 0; n-- {
				next := g.label("next")
				if n > 1 {
					g.CMPQ(g.param("pixels", ""), operand.U32(n))
					g.JNE(operand.LabelRef(next))
				}
				c := &convolution{gen: g, kind: kind, n: n, panels: panels, perPanel: 16 / g.lanes, convLocals: locals}
				c.tile()
				g.finish()
				g.Label(next)
			}
			g.Label(narrower)
		}
	}
}

type convKind int

const (
	convFull convKind = iota
	convDepthwise
	convMax
)

// convolution is the code for tiles of n pixels and panels blocks of output channels.
type convolution struct {
	*gen
	kind      convKind
	n, panels int
	perPanel  int                  // vectors of 16 channels
	acc       []reg.VecVirtual     // by pixel, panel and vector
	x         reg.GPVirtual        // of the current row
	steps     map[int]reg.Register // 1, 3, 5 and 7 pixels in bytes
	wpanels   []reg.GPVirtual      // bytes from the first panel of weights to each other one
	next      reg.GPVirtual        // the weights to fetch
	convLocals
}

// convLocals are the variables that have no registers: rows to come, the address of the current one, and that of the end of the weights to
// fetch of a panel.
type convLocals struct{ rows, dst, pieceEnd operand.Mem }

func (c *convolution) perPixel() int { return c.panels * c.perPanel }

// tile computes the tile in every row.
func (c *convolution) tile() {
	c.x = c.ptr("x")
	dst := c.ptr("dst")
	c.MOVQ(dst, c.dst)
	c.steps = map[int]reg.Register{}
	one := c.arg("step", "")
	c.SHLQ(operand.U8(2), one)
	c.steps[1] = one
	for _, k := range []int{3, 5, 7} {
		if c.n > k {
			r := c.GP64()
			c.IMUL3Q(operand.U32(k), one, r)
			c.steps[k] = r
		}
	}
	c.wpanels = nil
	if c.panels > 1 {
		c.wpanels = []reg.GPVirtual{c.bytesArg("wpanel")}
	}
	if c.panels > 2 {
		three := c.GP64()
		c.LEAQ(indexed(c.wpanels[0], c.wpanels[0], 2, 0), three)
		c.wpanels = append(c.wpanels, three)
	}
	left := c.arg("rows", "")
	c.MOVQ(left, c.rows)
	if c.kind == convFull {
		c.next = c.bytesArg("ahead")
		c.ADDQ(c.param("w", "base"), c.next)
		end := c.bytesArg("left")
		c.ADDQ(c.next, end)
		c.MOVQ(end, c.pieceEnd)
	}
	row := c.label("row")
	c.Label(row)
	c.acc = c.vecs(c.n * c.perPixel())
	for _, v := range c.acc {
		if c.kind == convMax {
			c.VMOVUPS(c.f32(float32(math.Inf(-1))), v)
		} else {
			c.zero(v)
		}
	}
	c.taps()
	c.epilogue()
	xrow, drow := c.arg("xrow", ""), c.bytesArg("drow")
	c.LEAQ(indexed(c.x, xrow, 4, 0), c.x)
	c.ADDQ(drow, c.dst)
	again := c.GP64()
	c.MOVQ(c.rows, again)
	c.DECQ(again)
	c.MOVQ(again, c.rows)
	c.JNE(operand.LabelRef(row))
}

// taps runs all taps of a row of the tile.
func (c *convolution) taps() {
	tap, left := c.ptr("taps"), c.arg("count", "")
	loop, next, done := c.label("tap"), c.label("nexttap"), c.label("store")
	c.TESTQ(left, left)
	c.JEQ(operand.LabelRef(done))
	c.Label(loop)
	c.fetch()
	x, w, channels := c.GP64(), c.GP64(), c.GP64()
	c.MOVQ(mem(tap, 0), x)
	c.LEAQ(indexed(c.x, x, 4, 0), x)
	c.MOVQ(mem(tap, 8), w)
	c.SHLQ(operand.U8(2), w)
	c.ADDQ(c.param("w", "base"), w)
	if c.kind == convFull {
		c.MOVQ(mem(tap, 16), channels)
	}
	partial := c.label("partial")
	if c.n > 1 {
		c.CMPQ(mem(tap, 24), operand.U32(0))
		c.JNE(operand.LabelRef(partial))
	}
	c.channels(x, w, channels, 0, c.n)
	c.Label(next)
	c.ADDQ(operand.U32(32), tap)
	c.DECQ(left)
	c.JNE(operand.LabelRef(loop))
	c.JMP(operand.LabelRef(done))
	if c.n > 1 {
		c.Label(partial)
		both, last := c.label("both"), c.label("last")
		c.CMPQ(mem(tap, 24), operand.U32(2))
		if c.n > 2 {
			c.JLT(operand.LabelRef(last))
			c.JNE(operand.LabelRef(both))
		} else {
			c.JNE(operand.LabelRef(last))
		}
		c.channels(x, w, channels, 0, c.n-1)
		c.JMP(operand.LabelRef(next))
		c.Label(last)
		c.channels(x, w, channels, 1, c.n)
		c.JMP(operand.LabelRef(next))
		if c.n > 2 {
			c.Label(both)
			c.channels(x, w, channels, 1, c.n-1)
			c.JMP(operand.LabelRef(next))
		}
	}
	c.Label(done)
}

// fetch lets the weights that come next be those of the next panel, after the last ones of a panel.
func (c *convolution) fetch() {
	if c.panels == 1 {
		return
	}
	more := c.label("more")
	c.CMPQ(c.next, c.pieceEnd)
	c.JLT(operand.LabelRef(more))
	skip := c.bytesArg("skip")
	c.MOVQ(c.pieceEnd, c.next)
	c.ADDQ(skip, c.next)
	c.ADDQ(c.wpanels[0], c.pieceEnd)
	c.Label(more)
}

// weights addresses panel's weights, those of the first one being at first.
func (c *convolution) weights(first reg.GPVirtual, panel int) operand.Mem {
	switch panel {
	case 0:
		return mem(first, 0)
	case 3:
		return indexed(first, c.wpanels[1], 1, 0)
	}
	return indexed(first, c.wpanels[0], panel, 0)
}

// pixel addresses pixel p of the input: two bases and four multiples of the step reach 14 pixels.
func (c *convolution) pixel(bases []reg.GPVirtual, p, disp int) operand.Mem {
	base := bases[p/9]
	p %= 9
	if p == 0 {
		return mem(base, disp)
	}
	scale := 1
	for p%2 == 0 && p > 1 && c.steps[p] == nil {
		p, scale = p/2, scale*2
	}
	return indexed(base, c.steps[p], scale, disp)
}

// channels runs the channels of one tap for pixels from…to−1.
func (c *convolution) channels(x, w, channels reg.GPVirtual, from, to int) {
	bases := []reg.GPVirtual{x}
	if to > 9 {
		b := c.GP64()
		c.LEAQ(indexed(x, c.steps[1], 8, 0), b)
		c.ADDQ(c.steps[1], b)
		bases = append(bases, b)
	}
	loop := c.label("channels")
	if c.kind == convFull {
		c.Label(loop)
	}
	if c.kind == convMax {
		c.maxima(bases, from, to)
		return
	}
	weights := c.vecs(c.perPixel())
	for i, v := range weights {
		if panel := i / c.perPanel; panel > 0 {
			c.VMOVUPS(c.weights(w, panel), v)
		} else {
			c.VMOVUPS(mem(w, i*c.lanes*4), v)
		}
	}
	for p := from; p < to; p++ {
		acc := c.acc[p*c.perPixel():][:c.perPixel()]
		switch {
		case c.kind == convDepthwise:
			for i, v := range weights {
				c.VFMADD231PS(c.pixel(bases, p, i*c.lanes*4), v, acc[i])
			}
		case len(weights) == 1:
			c.VFMADD231PS_BCST(c.pixel(bases, p, 0), weights[0], acc[0])
		default:
			b := c.vec()
			c.VBROADCASTSS(c.pixel(bases, p, 0), b)
			for i, v := range weights {
				c.VFMADD231PS(b, v, acc[i])
			}
		}
	}
	if c.kind != convFull {
		return
	}
	c.PREFETCHT1(mem(c.next, 0))
	c.ADDQ(c.param("pace", ""), c.next)
	for _, b := range bases {
		c.ADDQ(operand.U32(4), b)
	}
	c.ADDQ(operand.U32(64), w)
	c.DECQ(channels)
	c.JNE(operand.LabelRef(loop))
}

// maxima emits the tap of pooling: acc = x > acc or x is NaN ? x : acc.
func (c *convolution) maxima(bases []reg.GPVirtual, from, to int) {
	for p := from; p < to; p++ {
		for i, acc := range c.acc[p*c.perPixel():][:c.perPixel()] {
			x := c.vec()
			c.VMOVUPS(c.pixel(bases, p, i*c.lanes*4), x)
			c.VMAXPS(acc, x, acc) // acc where unordered or equal
			c.where(unordered, x, x, x, acc)
		}
	}
}

// Flags of the convolution kernels, as in package kernels.
const (
	convAdd = 1 << iota
	convBias
	convResidual
	convClip
)

// epilogue adds what dst holds, the bias and the residual, clips and stores.
func (c *convolution) epilogue() {
	c.optional(convAdd, func() {
		c.each("dst", func(at operand.Mem, v reg.VecVirtual) { c.VADDPS(at, v, v) })
	})
	c.optional(convBias, func() {
		bias := c.ptr("bias")
		for i, v := range c.acc {
			c.VADDPS(mem(bias, i%c.perPixel()*c.lanes*4), v, v)
		}
	})
	c.optional(convResidual, func() {
		c.each("res", func(at operand.Mem, v reg.VecVirtual) { c.VADDPS(at, v, v) })
	})
	c.optional(convClip, func() {
		for _, limit := range []string{"lo", "hi"} {
			bound := c.broadcastArg(limit)
			for _, v := range c.acc {
				if limit == "lo" {
					c.VMAXPS(v, bound, v)
				} else {
					c.VMINPS(v, bound, v)
				}
			}
		}
	})
	c.each("dst", func(at operand.Mem, v reg.VecVirtual) { c.VMOVUPS(v, at) })
}

// optional emits f for calls with this flag.
func (g *gen) optional(flag int, f func()) {
	skip, bit := g.label("skip"), g.GP64()
	g.MOVQ(operand.U32(flag), bit)
	g.TESTQ(bit, g.arg("flags", ""))
	g.JEQ(operand.LabelRef(skip))
	f()
	g.Label(skip)
}

// each calls f with every accumulator and its place in dst, or in the slice that has its layout.
func (c *convolution) each(slice string, f func(at operand.Mem, v reg.VecVirtual)) {
	base := c.GP64()
	c.MOVQ(c.dst, base)
	if slice != "dst" {
		c.SUBQ(c.param("dst", "base"), base)
		c.ADDQ(c.param(slice, "base"), base)
	}
	var dstep reg.GPVirtual
	if c.kind == convFull && c.n > 1 {
		dstep = c.bytesArg("dstep")
	}
	for panel := range c.panels {
		if panel > 0 {
			c.ADDQ(c.bytesArg("dpanel"), base)
		}
		pixel, step := base, 64
		if c.kind == convFull && c.n > 1 {
			pixel, step = c.GP64(), 0
			c.MOVQ(base, pixel)
		}
		for p := range c.n {
			if step == 0 && p > 0 {
				c.ADDQ(dstep, pixel)
			}
			for i := range c.perPanel {
				f(mem(pixel, p*step+i*c.lanes*4), c.acc[p*c.perPixel()+panel*c.perPanel+i])
			}
		}
	}
}
