package asm

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stripe is one reduction of kernels/sum.go or extreme.go: term changes a loaded vector, step combines it with an accumulator, fold
// combines two accumulators; identity is where they start and what stands for elements past the end.
type stripe struct {
	identity float32
	term     func(g *gen, x reg.VecVirtual)
	step     func(g *gen, x, acc reg.Register)
	fold     func(g *gen, x, acc reg.Register)
}

// genStriped keeps the 64 striped accumulators of kernels.stripedRef in registers and folds them in halves. Combining with the identity
// changes no accumulator: those of sums start from +0 and so are never −0.
func genStriped(prepare func(g *gen) stripe) func(*gen) {
	return func(g *gen) {
		r := prepare(g)
		x, n := g.ptr("x"), g.length("x")
		acc := g.vecs(64 / g.lanes)
		for _, v := range acc {
			g.VMOVUPS(g.f32(r.identity), v)
		}
		g.Label("loop")
		g.CMPQ(n, operand.U32(64))
		g.JLT(operand.LabelRef("tail"))
		for i, v := range acc {
			t := g.loaded(mem(x, i*g.lanes*4))
			r.term(g, t)
			r.step(g, t, v)
		}
		g.ADDQ(operand.U32(256), x)
		g.SUBQ(operand.U32(64), n)
		g.JMP(operand.LabelRef("loop"))
		g.Label("tail")
		g.TESTQ(n, n)
		g.JEQ(operand.LabelRef("fold"))
		m := g.newMask(n, len(acc))
		for i, v := range acc {
			t, used := g.vec(), g.loaded(g.f32(r.identity))
			g.loadMasked(mem(x, i*g.lanes*4), m, i, t)
			r.term(g, t)
			if g.wide() {
				g.VMOVAPS(t, m.bits[i], used)
			} else {
				g.VBLENDVPS(g.maskVector(m, i), t, used, used)
			}
			r.step(g, used, v)
		}
		g.Label("fold")
		for half := len(acc) / 2; half > 0; half /= 2 {
			for i := range half {
				r.fold(g, acc[i+half], acc[i])
			}
		}
		g.foldLanes(acc[0], func(src, dst reg.Register) { r.fold(g, src, dst) })
	}
}

func add(g *gen, x, acc reg.Register)        { g.VADDPS(x, acc, acc) }
func multiply(g *gen, x, acc reg.Register)   { g.VMULPS(x, acc, acc) }
func squareAdd(g *gen, x, acc reg.Register)  { g.VFMADD231PS(x, x, acc) }
func larger(g *gen, x, acc reg.Register)     { g.VMAXPS(x, acc, acc) }
func smaller(g *gen, x, acc reg.Register)    { g.VMINPS(x, acc, acc) }
func largerBits(g *gen, x, acc reg.Register) { g.VPMAXSD(x, acc, acc) }
func keep(*gen, reg.VecVirtual)              {}
func takeAbs(g *gen, x reg.VecVirtual)       { g.VANDPS(g.u32(math.MaxInt32), x, x) }

var negInf = float32(math.Inf(-1))

var (
	genSum    = genStriped(func(*gen) stripe { return stripe{0, keep, add, add} })
	genSumAbs = genStriped(func(*gen) stripe { return stripe{0, takeAbs, add, add} })
	genMax    = genStriped(func(*gen) stripe { return stripe{negInf, keep, larger, larger} })
	genMin    = genStriped(func(*gen) stripe { return stripe{-negInf, keep, smaller, smaller} })
	genAmax   = genStriped(func(*gen) stripe { return stripe{0, takeAbs, largerBits, largerBits} })
	genProd   = genStriped(func(*gen) stripe { return stripe{1, keep, multiply, multiply} })

	genSumSquare = genStriped(func(g *gen) stripe {
		sub := g.broadcastArg("sub")
		return stripe{0, func(g *gen, x reg.VecVirtual) { g.VSUBPS(sub, x, x) }, squareAdd, add}
	})
)

// foldLanes combines the lanes of v to one element and returns it.
func (g *gen) foldLanes(v reg.VecVirtual, combine func(src, dst reg.Register)) {
	g.halveLanes(v, combine)
	ret, err := g.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	g.VMOVSS(v.AsX(), ret.Addr)
	g.finish()
}

// halveLanes combines the upper half of v with the lower until the first lane holds all.
func (g *gen) halveLanes(v reg.VecVirtual, combine func(src, dst reg.Register)) {
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
}
