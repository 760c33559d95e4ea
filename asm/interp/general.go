package interp

import (
	"encoding/binary"
	"math/bits"
)

type handler func(m *machine, in *inst)

// handlers has every instruction the generators emit. Operands are in Go's order: sources first, destination last.
var handlers = map[string]handler{}

func register(h handler, names ...string) {
	for _, n := range names {
		handlers[n] = h
	}
}

// arith registers a 64-bit dst = f(dst, src) that leaves the flags of its result, or leaves them undefined.
func arith(name string, flags bool, f func(dst, src uint64) uint64) {
	handlers[name] = func(m *machine, in *inst) {
		src, dst := &in.args[0], &in.args[1]
		old, s := m.get(dst, 8), m.get(src, 8)
		v := f(old, s)
		m.set(dst, 8, v)
		m.flags = false
		if !flags {
			return
		}
		switch name {
		case "SUBQ":
			m.compare(old, s)
		default: // no signed overflow can occur in the address and count arithmetic of kernels
			m.compare(v, 0)
		}
	}
}

func jump(name string, taken func(m *machine) bool) {
	handlers[name] = func(m *machine, in *inst) {
		if !m.flags && name != "JMP" {
			fail("flags are undefined here")
		}
		if taken(m) {
			m.pc = m.label(&in.args[0])
		}
	}
}

func init() {
	arith("ADDQ", true, func(d, s uint64) uint64 { return d + s })
	arith("SUBQ", true, func(d, s uint64) uint64 { return d - s })
	arith("IMULQ", false, func(d, s uint64) uint64 { return d * s })
	arith("SHLQ", false, func(d, s uint64) uint64 { return d << s })
	arith("SHRQ", false, func(d, s uint64) uint64 { return d >> s })
	jump("JMP", func(*machine) bool { return true })
	jump("JEQ", func(m *machine) bool { return m.zero })
	jump("JNE", func(m *machine) bool { return !m.zero })
	jump("JLT", func(m *machine) bool { return m.less })
	jump("JGE", func(m *machine) bool { return !m.less })
	jump("JLE", func(m *machine) bool { return m.less || m.zero })

	handlers["RET"] = func(m *machine, _ *inst) { m.done = true }
	register(func(*machine, *inst) {}, "PREFETCHT0", "PREFETCHT1")
	handlers["MOVQ"] = func(m *machine, in *inst) { m.set(&in.args[1], 8, m.get(&in.args[0], 8)) }
	handlers["MOVL"] = func(m *machine, in *inst) { m.set(&in.args[1], 4, m.get(&in.args[0], 4)) }
	const mxcsr, flushToZero = 0x1f80, 1<<15 | 1<<6
	handlers["STMXCSR"] = func(m *machine, in *inst) { m.set(&in.args[0], 4, mxcsr) }
	handlers["LDMXCSR"] = func(m *machine, in *inst) {
		switch m.get(&in.args[0], 4) {
		case mxcsr:
			m.flushing = false
		case mxcsr | flushToZero:
			m.flushing = true
		default:
			fail("floating-point mode %#x", m.get(&in.args[0], 4))
		}
	}
	handlers["MOVBLZX"] = func(m *machine, in *inst) { m.set(&in.args[1], 4, m.get(&in.args[0], 1)) }
	handlers["LEAQ"] = func(m *machine, in *inst) {
		src := &in.args[0]
		if src.symbol != "" {
			for _, r := range m.memory {
				if r.name == src.symbol {
					m.set(&in.args[1], 8, r.base+uint64(src.disp))
					return
				}
			}
			fail("no symbol %s", src.symbol)
		}
		m.set(&in.args[1], 8, m.address(src))
	}
	handlers["CMPQ"] = func(m *machine, in *inst) { m.compare(m.get(&in.args[0], 8), m.get(&in.args[1], 8)) }
	handlers["TESTQ"] = func(m *machine, in *inst) { m.compare(m.get(&in.args[0], 8)&m.get(&in.args[1], 8), 0) }
	handlers["INCQ"] = func(m *machine, in *inst) { m.step(in, 1) }
	handlers["DECQ"] = func(m *machine, in *inst) { m.step(in, ^uint64(0)) }
	handlers["IMUL3Q"] = func(m *machine, in *inst) {
		m.set(&in.args[2], 8, m.get(&in.args[0], 8)*m.get(&in.args[1], 8))
		m.flags = false
	}
	handlers["SHLL"] = func(m *machine, in *inst) {
		m.set(&in.args[1], 4, m.get(&in.args[1], 4)<<in.args[0].imm)
		m.flags = false
	}
	handlers["ORL"] = func(m *machine, in *inst) {
		m.set(&in.args[1], 4, m.get(&in.args[1], 4)|m.get(&in.args[0], 4))
		m.flags = false
	}
	// BZHIQ index, src, dst: dst = src with the bits from index on cleared; index is the low byte, 64 and more clears nothing.
	handlers["BZHIQ"] = func(m *machine, in *inst) {
		v := m.get(&in.args[1], 8)
		if n := m.get(&in.args[0], 8) & 0xff; n < 64 {
			v &= 1<<n - 1
		}
		m.set(&in.args[2], 8, v)
		m.flags = false
	}
	handlers["KMOVQ"] = func(m *machine, in *inst) { m.mask[in.args[1].index] = m.get(&in.args[0], 8) }
	handlers["KMOVW"] = func(m *machine, in *inst) {
		switch src, dst := &in.args[0], &in.args[1]; {
		case src.kind == isMask && dst.kind == isMask:
			m.mask[dst.index] = m.mask[src.index] & 0xffff
			return
		case src.kind == isMask:
			m.set(dst, 4, m.mask[src.index]&0xffff)
			return
		}
		m.mask[in.args[1].index] = m.get(&in.args[0], 4) & 0xffff
	}
	handlers["VPMOVD2M"] = func(m *machine, in *inst) {
		var k uint64
		for i := range in.args[0].width / 4 {
			k |= uint64(m.lane(in, &in.args[0], i)>>31) << i
		}
		m.mask[in.args[1].index] = k
	}
	handlers["VZEROUPPER"] = func(m *machine, _ *inst) {
		for i := range m.vec[:16] {
			clear(m.vec[i][16:])
		}
		m.dirty = false
	}
	// VMOVD and VMOVQ move the low bytes of a vector register from or to a general register or memory.
	low := func(size int) handler {
		return func(m *machine, in *inst) {
			if src, dst := &in.args[0], &in.args[1]; dst.kind == isVec {
				m.setVector(dst, binary.LittleEndian.AppendUint64(nil, m.get(src, size)))
			} else {
				m.set(dst, size, binary.LittleEndian.Uint64(m.vec[src.index][:]))
			}
		}
	}
	register(low(4), "VMOVD", "VMOVSS")
	register(low(8), "VMOVQ")
	// VPEXTRB and VPEXTRW store one byte or word of a vector register.
	extract := func(size int) handler {
		return func(m *machine, in *inst) {
			from := int(in.args[0].imm) * size
			copy(m.bytes(&in.args[2], 0, size, true), m.vec[in.args[1].index][from:from+size])
		}
	}
	register(extract(1), "VPEXTRB")
	register(extract(2), "VPEXTRW")
}

// step is INCQ and DECQ.
func (m *machine) step(in *inst, by uint64) {
	v := m.get(&in.args[0], 8) + by
	m.set(&in.args[0], 8, v)
	m.compare(v, 0)
}

// selected reports whether lane i of a masked instruction is active.
func (m *machine) selected(k *operand, i int) bool {
	return k == nil || bits.RotateLeft64(m.mask[k.index], -i)&1 != 0
}
