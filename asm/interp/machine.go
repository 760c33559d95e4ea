package interp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"
)

// machine is the state of a running program.
type machine struct {
	p      *Program
	pc     int
	gp     [16]uint64
	vec    [32][64]byte
	mask   [8]uint64
	zero   bool // flags
	less   bool // SF ≠ OF
	flags  bool // false: undefined
	memory []region
	frame  []byte // arguments
	locals []byte
	tiles  tiles
	// flushing says that VFMADD231PS takes subnormals for zero. No other instruction is emitted under that mode.
	flushing bool
	dirty    bool // upper halves of vectors in use
	done     bool
}

// region is memory the program may access. base is the address it is known by inside the program.
type region struct {
	name     string
	base     uint64
	data     []byte
	readOnly bool
}

// fault is the panic value of a failed access or instruction; Run turns it into an error.
type fault string

func fail(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

// Slice is a slice argument: where its header lies in the frame and the size of an element.
type Slice struct {
	Name         string
	Offset, Size int
}

// Layout describes a function's arguments: its slices, the only memory the program may touch, and where the result starts.
type Layout struct {
	Slices []Slice
	Result int
}

// Run executes p on the arguments at args, which may lie on the stack: the machine works on a copy, because it lives on the heap
// and the stack may move.
func (p *Program) Run(args unsafe.Pointer, layout Layout) (err error) {
	frame := slices.Clone(unsafe.Slice((*byte)(args), p.args))
	m := &machine{p: p, frame: frame, locals: make([]byte, p.frame)}
	for _, s := range layout.Slices {
		ptr := *(*unsafe.Pointer)(unsafe.Add(args, s.Offset))
		n := *(*int)(unsafe.Add(args, s.Offset+8))
		m.memory = append(m.memory, region{s.Name, uint64(uintptr(ptr)), unsafe.Slice((*byte)(ptr), n*s.Size), false})
	}
	for name, data := range p.data {
		m.memory = append(m.memory, region{name, uint64(uintptr(unsafe.Pointer(&data[0]))), data, true})
	}
	// Registers hold garbage at the start, as on a real CPU.
	for i := range m.vec {
		for j := range m.vec[i] {
			m.vec[i][j] = 0xa5
		}
	}
	for i := range m.gp {
		m.gp[i] = 0xdead0000dead0000 + uint64(i)
	}
	defer func() {
		if f := recover(); f != nil {
			text, ok := f.(fault)
			if !ok {
				panic(f)
			}
			in := p.code[m.pc-1]
			err = fmt.Errorf("%s line %d, %s: %s", p.Name, in.line, in.op, text)
		}
	}()
	for !m.done {
		if m.pc >= len(p.code) {
			return fmt.Errorf("%s: runs past its end", p.Name)
		}
		in := &p.code[m.pc]
		m.pc++
		in.run(m, in)
	}
	if m.dirty {
		return fmt.Errorf("%s: returns without VZEROUPPER", p.Name)
	}
	if m.flushing {
		return fmt.Errorf("%s: returns with subnormals flushed to zero", p.Name)
	}
	if m.tiles.configured {
		return fmt.Errorf("%s: returns without TILERELEASE", p.Name)
	}
	if layout.Result < p.args {
		copy(unsafe.Slice((*byte)(args), p.args)[layout.Result:], frame[layout.Result:])
	}
	return nil
}

// address returns the effective address of a plain memory operand.
func (m *machine) address(o *operand) uint64 {
	a := uint64(o.disp)
	if o.base >= 0 {
		a += m.gp[o.base]
	}
	return a + m.gp[o.scaled]*o.scale
}

// bytes returns n bytes of memory at an operand, disp further on.
func (m *machine) bytes(o *operand, disp, n int, write bool) []byte {
	switch {
	case o.kind != isMem:
		fail("operand is not memory")
	case o.symbol == "FP":
		return within(m.frame, o.disp+int64(disp), n, "arguments")
	case o.symbol == "SP":
		return within(m.locals, o.disp+int64(disp), n, "locals")
	case o.symbol != "":
		if write {
			fail("write to read-only %s", o.symbol)
		}
		return within(m.p.data[o.symbol], o.disp+int64(disp), n, o.symbol)
	}
	a := m.address(o) + uint64(disp)
	for i := range m.memory {
		r := &m.memory[i]
		if off := a - r.base; off <= uint64(len(r.data)) && off+uint64(n) <= uint64(len(r.data)) {
			if write && r.readOnly {
				fail("write to read-only %s", r.name)
			}
			return r.data[off : off+uint64(n)]
		}
	}
	where := ""
	for _, r := range m.memory {
		where += fmt.Sprintf(" %s+%d/%d", r.name, int64(a-r.base), len(r.data))
	}
	fail("access of %d bytes outside the arguments:%s", n, where)
	return nil
}

func within(data []byte, off int64, n int, name string) []byte {
	if off < 0 || off+int64(n) > int64(len(data)) {
		fail("access of %d bytes at %d outside %s of %d", n, off, name, len(data))
	}
	return data[off : off+int64(n)]
}

// label returns the code index of a jump target.
func (m *machine) label(o *operand) int {
	i, ok := m.p.labels[o.label]
	if !ok {
		fail("no label %s", o.label)
	}
	return i
}

// get returns a general operand of size bytes, zero extended; immediates as they are.
func (m *machine) get(o *operand, size int) uint64 {
	var v uint64
	switch o.kind {
	case isImm:
		return o.imm
	case isReg:
		v = m.gp[o.index]
	case isMem:
		var b [8]byte
		copy(b[:], m.bytes(o, 0, size, false))
		v = binary.LittleEndian.Uint64(b[:])
	default:
		fail("not a general operand")
	}
	if size < 8 {
		v &= 1<<(8*size) - 1
	}
	return v
}

// set writes a general operand of 4 or 8 bytes; a 4-byte write clears the upper half of a register.
func (m *machine) set(o *operand, size int, v uint64) {
	switch o.kind {
	case isReg:
		if size < 8 {
			v &= 1<<(8*size) - 1
		}
		m.gp[o.index] = v
	case isMem:
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		copy(m.bytes(o, 0, size, true), b[:size])
	default:
		fail("not a general destination")
	}
}

// compare sets the flags of the 64-bit difference a − b.
func (m *machine) compare(a, b uint64) { m.zero, m.less, m.flags = a == b, int64(a) < int64(b), true }

// lane reads a 32-bit lane of a vector operand; memory under a broadcast reads lane 0.
func (m *machine) lane(in *inst, o *operand, i int) uint32 {
	if o.kind == isMem {
		if in.suffix == "BCST" {
			i = 0
		}
		return binary.LittleEndian.Uint32(m.bytes(o, 4*i, 4, false))
	}
	return binary.LittleEndian.Uint32(m.vec[o.index][4*i:])
}

// source returns the bytes of a vector operand and the step from lane to lane, 0 for a broadcast.
func (m *machine) source(in *inst, o *operand, width int) (b []byte, step int) {
	if o.kind == isMem && in.suffix == "BCST" {
		return m.bytes(o, 0, 4, false), 0
	}
	return m.vector(o, width), 4
}

// vector returns all bytes of a vector source of the given width.
func (m *machine) vector(o *operand, width int) []byte {
	if o.kind == isMem {
		return m.bytes(o, 0, width, false)
	}
	if o.kind != isVec {
		fail("not a vector operand")
	}
	return m.vec[o.index][:width]
}

// setVector writes a vector register and clears what lies above, as VEX and EVEX instructions do.
func (m *machine) setVector(o *operand, b []byte) {
	if o.kind != isVec {
		fail("not a vector destination")
	}
	var full [64]byte
	copy(full[:], b)
	m.vec[o.index] = full
	if o.width > 16 {
		m.dirty = true
	}
}
