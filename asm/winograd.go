package asm

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Winograd's transforms of tiles of 16 channels, see kernels/winograd.go: a pass down the columns into tmp, one along the rows out of it.

// rows6 addresses six rows that are step bytes apart.
type rows6 struct {
	base               reg.Register
	step, step3, step5 reg.Register
}

func (g *gen) newRows6(base, step reg.GPVirtual) rows6 {
	three, five := g.GP64(), g.GP64()
	g.LEAQ(indexed(step, step, 2, 0), three)
	g.LEAQ(indexed(step, step, 4, 0), five)
	return rows6{base, step, three, five}
}

func (r rows6) at(i, disp int) operand.Mem {
	switch i {
	case 0:
		return mem(r.base, disp)
	case 3:
		return indexed(r.base, r.step3, 1, disp)
	case 5:
		return indexed(r.base, r.step5, 1, disp)
	}
	return indexed(r.base, r.step, i, disp)
}

// bytesArg loads an argument that counts elements, as bytes.
func (g *gen) bytesArg(name string) reg.GPVirtual {
	r := g.arg(name, "")
	g.SHLQ(operand.U8(2), r)
	return r
}

// fmaConst emits src + c·x into a new register.
func (g *gen) fmaConst(c float32, x, src reg.VecVirtual) reg.VecVirtual {
	dst := g.vec()
	g.VMOVAPS(src, dst)
	g.VFMADD231PS(g.f32(c), x, dst)
	return dst
}

func (g *gen) sum(a, b reg.VecVirtual) reg.VecVirtual {
	v := g.vec()
	g.VADDPS(b, a, v)
	return v
}

func (g *gen) difference(a, b reg.VecVirtual) reg.VecVirtual {
	v := g.vec()
	g.VSUBPS(b, a, v)
	return v
}

// The points of kernels/winograd.go and their products.
const (
	pointA, pointB = 0.75, 1.5
	squareA        = pointA * pointA
	squareB        = pointB * pointB
)

// winogradIn is kernels.winogradIn.
func (g *gen) winogradIn(d []reg.VecVirtual) []reg.VecVirtual {
	end := func(x, y, z reg.VecVirtual) reg.VecVirtual {
		t := g.fmaConst(-(squareA + squareB), y, z)
		g.VFMADD231PS(g.f32(squareA*squareB), x, t)
		return t
	}
	t0 := end(d[0], d[2], d[4])
	u, v := g.fmaConst(-squareB, d[2], d[4]), g.fmaConst(-squareB, d[1], d[3])
	w, z := g.fmaConst(-squareA, d[2], d[4]), g.fmaConst(-squareA, d[1], d[3])
	return []reg.VecVirtual{t0, g.fmaConst(pointA, v, u), g.fmaConst(-pointA, v, u), g.fmaConst(pointB, z, w), g.fmaConst(-pointB, z, w), end(d[1], d[3], d[5])}
}

// winogradOut is kernels.winogradOut.
func (g *gen) winogradOut(m []reg.VecVirtual) []reg.VecVirtual {
	s, d, p, q := g.sum(m[1], m[2]), g.difference(m[1], m[2]), g.sum(m[3], m[4]), g.difference(m[3], m[4])
	mixed := func(c float32, x reg.VecVirtual, e float32, y reg.VecVirtual) reg.VecVirtual {
		t := g.vec()
		g.VMULPS(g.f32(c), x, t)
		g.VFMADD231PS(g.f32(e), y, t)
		return t
	}
	return []reg.VecVirtual{
		g.sum(g.sum(m[0], s), p), mixed(pointA, d, pointB, q), mixed(squareA, s, squareB, p),
		g.sum(mixed(squareA*pointA, d, squareB*pointB, q), m[5]),
	}
}

// six loads six vectors.
func (g *gen) six(at func(i int) operand.Mem) []reg.VecVirtual {
	v := g.vecs(6)
	for i := range v {
		g.VMOVUPS(at(i), v[i])
	}
	return v
}

func genWinogradInput(g *gen) {
	x, dst, tmp := g.ptr("x"), g.ptr("dst"), g.ptr("tmp")
	rows, point := g.newRows6(x, g.bytesArg("row")), g.bytesArg("point")
	left := g.arg("tiles", "")
	g.Label("tile")
	for half := 0; half < 64; half += g.lanes * 4 {
		for c := range 6 {
			for r, t := range g.winogradIn(g.six(func(i int) operand.Mem { return rows.at(i, c*64+half) })) {
				g.VMOVUPS(t, mem(tmp, (r*6+c)*64+half))
			}
		}
		to := g.GP64()
		g.MOVQ(dst, to)
		for r := range 6 {
			for _, t := range g.winogradIn(g.six(func(i int) operand.Mem { return mem(tmp, (r*6+i)*64+half) })) {
				g.VMOVUPS(t, mem(to, half))
				g.ADDQ(point, to)
			}
		}
	}
	g.ADDQ(operand.U32(4*64), x)
	g.ADDQ(operand.U32(64), dst)
	g.DECQ(left)
	g.JNE(operand.LabelRef("tile"))
	g.finish()
}

func genWinogradOutput(g *gen) {
	m, dst, res, tmp := g.ptr("m"), g.ptr("dst"), g.ptr("res"), g.ptr("tmp")
	g.SUBQ(dst, res) // from dst
	point, six := g.bytesArg("point"), g.GP64()
	g.IMUL3Q(operand.U32(6), point, six)
	from := g.GP64()
	rows := g.newRows6(from, six)
	left := g.AllocLocal(8)
	tiles := g.arg("tiles", "")
	g.MOVQ(tiles, left)
	g.Label("tile")
	for half := 0; half < 64; half += g.lanes * 4 {
		g.MOVQ(m, from)
		for c := range 6 {
			for r, y := range g.winogradOut(g.six(func(i int) operand.Mem { return rows.at(i, half) })) {
				g.VMOVUPS(y, mem(tmp, (r*6+c)*64+half))
			}
			g.ADDQ(point, from)
		}
		to, stored := g.GP64(), g.label("stored")
		g.MOVQ(dst, to)
		for r := range 4 {
			if r > 0 {
				g.CMPQ(g.param("rows", ""), operand.U32(r+1))
				g.JLT(operand.LabelRef(stored))
			}
			y := g.winogradOut(g.six(func(i int) operand.Mem { return mem(tmp, (r*6+i)*64+half) }))
			g.optional(convBias, func() {
				bias := g.loaded(mem(g.ptr("bias"), half))
				for _, v := range y {
					g.VADDPS(bias, v, v)
				}
			})
			g.optional(convResidual, func() {
				at := g.GP64()
				g.LEAQ(indexed(to, res, 1, 0), at)
				g.columns(func(c int) { g.VADDPS(mem(at, c*64+half), y[c], y[c]) })
			})
			g.optional(convClip, func() {
				lo, hi := g.broadcastArg("lo"), g.broadcastArg("hi")
				for _, v := range y {
					g.clip(v, lo, hi)
				}
			})
			g.columns(func(c int) { g.VMOVUPS(y[c], mem(to, c*64+half)) })
			step := g.bytesArg("drow")
			g.ADDQ(step, to)
		}
		g.Label(stored)
	}
	g.ADDQ(operand.U32(64), m)
	g.ADDQ(operand.U32(4*64), dst)
	next := g.GP64()
	g.MOVQ(left, next)
	g.DECQ(next)
	g.MOVQ(next, left)
	g.JNE(operand.LabelRef("tile"))
	g.finish()
}

// columns emits f for each of the columns that the argument cols counts.
func (g *gen) columns(f func(c int)) {
	done := g.label("columns")
	for c := range 4 {
		if c > 0 {
			g.CMPQ(g.param("cols", ""), operand.U32(c+1))
			g.JLT(operand.LabelRef(done))
		}
		f(c)
	}
	g.Label(done)
}
