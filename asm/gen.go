// Package asm generates the assembly kernels of package kernels with avo. Nothing imports it: its test generates every
// kernel in memory, compares with the files in kernels/, and with -write writes them.
//
// A kernel variant is a generator function (one per family, parametrised by tier) and a row in table.go. An interpreter
// (interp*.go) executes the generated text, so that kernels for tiers the CPU lacks are tested too.
package asm

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/hotpath/hotpath/internal/cpu"
)

// gen is an avo context with the vector width of a tier, so that one generator serves AVX2 and AVX-512.
type gen struct {
	*build.Context
	tier   cpu.Tier
	lanes  int // 32-bit elements of a vector
	consts map[string]operand.Mem
	labels int
	// hoisted are the constants that have registers, by symbol.
	hoisted map[string]reg.VecVirtual
	// ahead is how many bytes ahead elementwise prefetches; 0: it leaves that to the core.
	ahead int
}

func newGen(t cpu.Tier) *gen {
	lanes := 8
	if t >= cpu.AVX512 {
		lanes = 16
	}
	return &gen{Context: build.NewContext(), tier: t, lanes: lanes, consts: map[string]operand.Mem{}, hoisted: map[string]reg.VecVirtual{}}
}

// wide reports whether vectors are ZMM registers.
func (g *gen) wide() bool { return g.lanes == 16 }

// vec allocates a vector register.
func (g *gen) vec() reg.VecVirtual {
	if g.wide() {
		return g.ZMM()
	}
	return g.YMM()
}

// vecs allocates n vector registers.
func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec()
	}
	return v
}

// label returns a new label that starts with name.
func (g *gen) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

// f32 returns a memory operand that holds v in every lane.
func (g *gen) f32(v float32) operand.Mem { return g.u32(math.Float32bits(v)) }

// u32 returns a memory operand that holds v in every lane.
func (g *gen) u32(v uint32) operand.Mem {
	return g.constant(fmt.Sprintf("c%08x", v), g.lanes, func(int) uint32 { return v })
}

// constant returns the read-only data called name: n elements, the i-th being at(i).
func (g *gen) constant(name string, n int, at func(i int) uint32) operand.Mem {
	if m, ok := g.consts[name]; ok {
		return m
	}
	m := g.StaticGlobal(name)
	g.DataAttributes(8 | 16) // RODATA | NOPTR
	for i := 0; i < n; i += 2 {
		g.AppendDatum(operand.U64(uint64(at(i)) | uint64(at(i+1))<<32))
	}
	g.consts[name] = m
	return m
}

// loaded returns a register that holds m.
func (g *gen) loaded(m operand.Mem) reg.VecVirtual {
	v := g.vec()
	g.VMOVUPS(m, v)
	return v
}

// param returns the memory operand of an argument; part is "", "base" or "len".
func (g *gen) param(name, part string) operand.Mem {
	c := g.Param(name)
	switch part {
	case "base":
		c = c.Base()
	case "len":
		c = c.Len()
	}
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// ptr loads the base of a slice argument.
func (g *gen) ptr(name string) reg.GPVirtual { return g.arg(name, "base") }

// length loads the length of a slice argument.
func (g *gen) length(name string) reg.GPVirtual { return g.arg(name, "len") }

// arg loads a 64-bit argument.
func (g *gen) arg(name, part string) reg.GPVirtual {
	r := g.GP64()
	g.MOVQ(g.param(name, part), r)
	return r
}

// broadcastArg loads a 32-bit argument into every lane.
func (g *gen) broadcastArg(name string) reg.VecVirtual {
	v := g.vec()
	g.VBROADCASTSS(g.param(name, ""), v)
	return v
}

// mem addresses base + disp.
func mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// indexed addresses base + index·scale + disp; scale 0 leaves the index out.
func indexed(base, index reg.Register, scale, disp int) operand.Mem {
	if scale == 0 {
		return mem(base, disp)
	}
	return operand.Mem{Base: base, Index: index, Scale: uint8(scale), Disp: disp}
}

// xmm returns the low 128 bits of v.
func xmm(v reg.VecVirtual) reg.Register { return v.AsX() }

// finish clears the upper halves, which mixing with SSE code would pay for, and returns.
func (g *gen) finish() {
	g.VZEROUPPER()
	g.RET()
}

// mask selects the first elements of a run of vectors: ZMM code keeps one opmask per vector, YMM code reads vectors of ones and
// zeros from a table of 64 ones and 64 zeros.
type mask struct {
	bits []reg.OpmaskVirtual // AVX-512
	at   reg.GPVirtual       // AVX2: address of the first vector
}

// newMask builds the mask of the first n < 64 elements of vectors vectors. It clobbers n.
func (g *gen) newMask(n reg.GPVirtual, vectors int) mask {
	if g.wide() {
		bits := g.GP64()
		g.MOVQ(operand.I32(-1), bits)
		g.BZHIQ(n, bits, bits)
		m := mask{bits: make([]reg.OpmaskVirtual, vectors)}
		for i := range m.bits {
			if i > 0 {
				g.SHRQ(operand.U8(16), bits)
			}
			m.bits[i] = g.K()
			g.KMOVW(bits.As32(), m.bits[i])
		}
		return m
	}
	m := mask{at: g.GP64()}
	g.LEAQ(g.constant("mask", 128, func(i int) uint32 {
		if i < 64 {
			return math.MaxUint32
		}
		return 0
	}), m.at)
	g.SHLQ(operand.U8(2), n)
	g.SUBQ(n, m.at)
	g.ADDQ(operand.U32(64*4), m.at)
	return m
}

// vector loads the mask of the i-th vector (AVX2).
func (g *gen) maskVector(m mask, i int) reg.VecVirtual {
	v := g.vec()
	g.VMOVUPS(mem(m.at, 32*i), v)
	return v
}

// loadMasked loads the selected elements of vector i from src, zero elsewhere. Other elements are not accessed.
func (g *gen) loadMasked(src operand.Mem, m mask, i int, dst reg.VecVirtual) {
	if g.wide() {
		g.VMOVUPS_Z(src, m.bits[i], dst)
	} else {
		g.VMASKMOVPS(src, g.maskVector(m, i), dst)
	}
}

// storeMasked stores the selected elements of vector i to dst.
func (g *gen) storeMasked(src reg.VecVirtual, m mask, i int, dst operand.Mem) {
	if g.wide() {
		g.VMOVUPS(src, m.bits[i], dst)
	} else {
		g.VMASKMOVPS(src, g.maskVector(m, i), dst)
	}
}

// round rounds to integers, ties to even.
func (g *gen) round(src, dst reg.VecVirtual) {
	if g.wide() {
		g.VRNDSCALEPS(operand.U8(8), src, dst)
	} else {
		g.VROUNDPS(operand.U8(8), src, dst)
	}
}

// zero clears v.
func (g *gen) zero(v reg.VecVirtual) { g.VXORPS(v, v, v) }
