package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Tall tiles are one panel wide and up to 28 rows high. A is packed so that what a step of K needs lies together: then every multiply-add
// broadcasts its element from memory by itself. 28 rows take 29 instructions a step, where 14×32 of gemm_f32 takes 44: on a core that
// shares its front end with another thread, that is what bounds a product. And each line of B is read once per 28 rows.
const (
	tallRows = 28
	quad     = 4 // heights are multiples of it
	// tallAhead bytes ahead, B is fetched from the last level of the cache. On Emerald Rapids, 16 rows of A and 42 MiB of B: 3.3 ms without,
	// 2.8 with 1 KiB, 2.6 with 2 or 4; the kernel of 14×32 takes 3.9. With 112 rows 117, 128, 131 and 131 GFLOP/s, and 104.
	tallAhead = 2048
)

// tall is the loop nest: for each panel of B, for each tile of A.
type tall struct {
	*gen
	a, b, c  reg.GPVirtual
	j, mLeft operand.Mem
	columns  mask
}

func genGemmTall(gg *gen) {
	g := &tall{gen: gg, a: gg.GP64(), b: gg.ptr("b"), c: gg.GP64(), j: gg.AllocLocal(8), mLeft: gg.AllocLocal(8)}
	g.MOVQ(operand.U32(0), g.j)
	g.Label("columns")
	left := g.arg("n", "")
	g.SUBQ(g.j, left)
	g.JLE(operand.LabelRef("done"))
	g.CMPQ(left, operand.U32(panelCols))
	g.JLT(operand.LabelRef("cut"))
	g.MOVQ(operand.U32(panelCols), left)
	g.Label("cut")
	g.columns = g.newMask(left, 1)
	rows := g.arg("m", "")
	g.MOVQ(rows, g.mLeft)
	g.MOVQ(g.param("a", "base"), g.a)
	g.MOVQ(g.j, g.c)
	g.SHLQ(operand.U8(2), g.c)
	g.ADDQ(g.param("c", "base"), g.c)
	g.Label("tiles")
	rows = g.arg("rows", "")
	g.CMPQ(g.mLeft, rows)
	g.JGE(operand.LabelRef("whole"))
	g.MOVQ(g.mLeft, rows)
	g.Label("whole")
	for height := tallRows; height >= quad; height -= quad {
		lower := g.label("lower")
		if height > quad {
			g.CMPQ(rows, operand.U32(height-quad))
			g.JLE(operand.LabelRef(lower))
		}
		g.tile(height)
		g.JMP(operand.LabelRef("next"))
		g.Label(lower)
	}
	g.Label("next")
	g.CMPQ(g.mLeft, operand.U32(0))
	g.JNE(operand.LabelRef("tiles"))
	k := g.arg("kc", "")
	g.SHLQ(operand.U8(6), k)
	g.ADDQ(k, g.b)
	g.ADDQ(operand.U32(panelCols), g.j)
	g.JMP(operand.LabelRef("columns"))
	g.Label("done")
	g.finish()
}

// tile computes one tile and moves a and c below it.
func (g *tall) tile(height int) {
	acc := g.vecs(height)
	for _, v := range acc {
		g.zero(v)
	}
	c, ldc := g.GP64(), g.arg("ldc", "")
	g.MOVQ(g.c, c)
	for range acc { // its rows are pages apart, which the core does not follow
		g.PREFETCHT0(mem(c, 0))
		g.LEAQ(indexed(c, ldc, 4, 0), c)
	}
	b, k := g.GP64(), g.arg("kc", "")
	g.MOVQ(g.b, b)
	loop, rest, single, end := g.label("k"), g.label("krest"), g.label("ksingle"), g.label("kend")
	step := func(u int) {
		v := g.vec()
		g.VMOVUPS(mem(b, 64*u), v)
		g.PREFETCHT0(mem(b, 64*u+tallAhead))
		for r, sum := range acc {
			g.VFMADD231PS_BCST(mem(g.a, 4*(u*height+r)), v, sum)
		}
	}
	down := func(steps int) {
		g.ADDQ(operand.U32(4*height*steps), g.a)
		g.ADDQ(operand.U32(64*steps), b)
	}
	const unroll = 4
	g.SUBQ(operand.U32(unroll), k)
	g.JLT(operand.LabelRef(rest))
	g.Label(loop)
	for u := range unroll {
		step(u)
	}
	down(unroll)
	g.SUBQ(operand.U32(unroll), k)
	g.JGE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(unroll), k)
	g.JEQ(operand.LabelRef(end))
	g.Label(single)
	step(0)
	down(1)
	g.DECQ(k)
	g.JNE(operand.LabelRef(single))
	g.Label(end)
	g.store(acc)
}

// store applies the flags and stores the rows of the tile that C has.
func (g *tall) store(acc []reg.VecVirtual) {
	ldc := g.arg("ldc", "")
	g.SHLQ(operand.U8(2), ldc)
	each := func(f func(c operand.Mem, sum reg.VecVirtual)) {
		c, end := g.GP64(), g.label("rowsend")
		g.MOVQ(g.c, c)
		for r, sum := range acc {
			if r > len(acc)-quad {
				g.CMPQ(g.mLeft, operand.U32(r))
				g.JLE(operand.LabelRef(end))
			}
			f(mem(c, 0), sum)
			g.ADDQ(ldc, c)
		}
		g.Label(end)
	}
	flagged := func(flag int, body func()) {
		skip := g.label("skip")
		g.TESTQ(operand.U32(flag), g.arg("flags", ""))
		g.JEQ(operand.LabelRef(skip))
		body()
		g.Label(skip)
	}
	flagged(gemmAdd, func() {
		old := g.vec()
		each(func(c operand.Mem, sum reg.VecVirtual) {
			g.loadMasked(c, g.columns, 0, old)
			g.VADDPS(sum, old, sum)
		})
	})
	flagged(gemmBias, func() {
		at, bias := g.ptr("bias"), g.vec()
		j := g.GP64()
		g.MOVQ(g.j, j)
		g.loadMasked(indexed(at, j, 4, 0), g.columns, 0, bias)
		for _, sum := range acc {
			g.VADDPS(bias, sum, sum)
		}
	})
	flagged(gemmRelu, func() {
		zero := g.vec()
		g.zero(zero)
		for _, sum := range acc {
			g.VMAXPS(sum, zero, sum)
		}
	})
	each(func(c operand.Mem, sum reg.VecVirtual) { g.storeMasked(sum, g.columns, 0, c) })
	t := g.GP64()
	g.IMUL3Q(operand.U32(len(acc)), ldc, t)
	g.ADDQ(t, g.c)
	more := g.label("more")
	g.SUBQ(operand.U32(len(acc)), g.mLeft)
	g.JGE(operand.LabelRef(more))
	g.MOVQ(operand.U32(0), g.mLeft)
	g.Label(more)
}

// genPackTall packs a tile of A: strips of 16 rows, then what is left of them, 4 columns at a time. Rows and columns are multiples of 4.
func genPackTall(g *gen) {
	dst, src, rows, ldd, lds := g.ptr("dst"), g.ptr("src"), g.arg("rows", ""), g.arg("ldd", ""), g.arg("lds", "")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(2), lds)
	for height := 16; height >= quad; height -= quad {
		loop, next, fours := g.label("strip"), g.label("lower"), g.label("fours")
		g.Label(loop)
		g.CMPQ(rows, operand.U32(height))
		g.JLT(operand.LabelRef(next))
		n := g.GP64()
		g.MOVQ(operand.U32(height), n)
		part := g.newMask(n, 1)
		low, high, d, cols := g.gps(), g.gps(), g.gps(), g.arg("cols", "")
		g.thirds(src, lds, low)
		g.LEAQ(indexed(src, lds, 8, 0), high[0])
		g.thirds(high[0], lds, high)
		g.MOVQ(dst, d[0])
		g.LEAQ(indexed(dst, ldd, 2, 0), d[1])
		g.Label(fours)
		var v [4]reg.VecVirtual // quarter q of v[r] is row r + 4q
		for r := range v {
			v[r] = g.ZMM()
			g.VMOVUPS(indexed(low[r/3], lds, r%3, 0), v[r].AsX())
			for q := 1; q < height/quad; q++ {
				p, at := low, r+4*q
				if q > 1 {
					p, at = high, r+4*q-8
				}
				g.VINSERTF32X4(operand.U8(q), indexed(p[at/3], lds, at%3, 0), v[r], v[r])
			}
		}
		for c, out := range g.transposed4(v) {
			g.storeMasked(out, part, 0, indexed(d[c/2], ldd, c%2, 0))
		}
		for i := range low {
			g.ADDQ(operand.U32(16), low[i])
			g.ADDQ(operand.U32(16), high[i])
		}
		for i := range 2 {
			g.LEAQ(indexed(d[i], ldd, 4, 0), d[i])
		}
		g.SUBQ(operand.U32(4), cols)
		g.JNE(operand.LabelRef(fours))
		for range height / quad {
			g.LEAQ(indexed(src, lds, 4, 0), src)
		}
		g.ADDQ(operand.U32(4*height), dst)
		g.SUBQ(operand.U32(height), rows)
		g.JMP(operand.LabelRef(loop))
		g.Label(next)
	}
	g.finish()
}

// transposed4 transposes the 4×4 squares that lie in the quarters of four vectors.
func (g *gen) transposed4(v [4]reg.VecVirtual) (out [4]reg.VecVirtual) {
	u := g.vecs(4)
	g.VUNPCKLPS(v[1], v[0], u[0])
	g.VUNPCKHPS(v[1], v[0], u[1])
	g.VUNPCKLPS(v[3], v[2], u[2])
	g.VUNPCKHPS(v[3], v[2], u[3])
	for c := range out {
		out[c] = g.vec()
		if c%2 == 0 {
			g.VUNPCKLPD(u[2+c/2], u[c/2], out[c])
		} else {
			g.VUNPCKHPD(u[2+c/2], u[c/2], out[c])
		}
	}
	return out
}
