package interp

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(moveVector(4), "VMOVUPS", "VMOVAPS", "VMOVDQU")
	register(moveVector(1), "VMOVDQU8")
	handlers["VMASKMOVPS"] = maskMove
	register(broadcast, "VBROADCASTSS", "VPBROADCASTD")
	register(func(m *machine, in *inst) { // upper half of a YMM
		m.put(&in.args[2], m.half(in, 16))
	}, "VEXTRACTF128", "VEXTRACTI128")
	handlers["VEXTRACTF64X4"] = func(m *machine, in *inst) { m.put(&in.args[2], m.half(in, 32)) }
	handlers["VPSHUFD"] = func(m *machine, in *inst) {
		dst := &in.args[2]
		out := make([]byte, 0, 64)
		for i := range dst.width / 4 {
			from := i&^3 + int(in.args[0].imm>>(2*(i&3)))&3
			out = binary.LittleEndian.AppendUint32(out, m.lane(in, &in.args[1], from))
		}
		m.setVector(dst, out)
	}
	handlers["VPERMQ"] = func(m *machine, in *inst) {
		src := m.vector(&in.args[1], 32)
		var out []byte
		for i := range 4 {
			from := int(in.args[0].imm>>(2*i)) & 3 * 8
			out = append(out, src[from:from+8]...)
		}
		m.setVector(&in.args[2], out)
	}
	handlers["VPSRLDQ"] = func(m *machine, in *inst) {
		out := make([]byte, 16)
		copy(out, m.vector(&in.args[1], 16)[in.args[0].imm:])
		m.setVector(&in.args[2], out)
	}
	handlers["VUNPCKLPS"], handlers["VUNPCKHPS"] = interleave(4, 0), interleave(4, 8)
	handlers["VUNPCKLPD"], handlers["VUNPCKHPD"] = interleave(8, 0), interleave(8, 8)
	handlers["VPUNPCKLBW"], handlers["VPUNPCKHBW"] = interleave(1, 0), interleave(1, 8)
	handlers["VPUNPCKLWD"], handlers["VPUNPCKHWD"] = interleave(2, 0), interleave(2, 8)
	register(func(m *machine, in *inst) { // 128 bits of memory to all
		block := append([]byte(nil), m.vector(&in.args[0], 16)...)
		m.setVector(&in.args[1], bytes.Repeat(block, in.args[1].width/16))
	}, "VBROADCASTI128", "VBROADCASTI32X4")
	handlers["VPSHUFB"] = func(m *machine, in *inst) { // within 128 bits; bit 7 of an index gives zero
		width := in.args[2].width
		index, table := m.vector(&in.args[0], width), m.vector(&in.args[1], width)
		out := make([]byte, width)
		for i, x := range index {
			if x < 128 {
				out[i] = table[i&^15+int(x&15)]
			}
		}
		m.setVector(&in.args[2], out)
	}
	handlers["VINSERTF128"] = func(m *machine, in *inst) { // into the upper half
		if in.args[0].imm != 1 {
			fail("immediate %d", in.args[0].imm)
		}
		low, high := m.vector(&in.args[2], 16), m.vector(&in.args[1], 16)
		m.setVector(&in.args[3], append(append([]byte(nil), low...), high...))
	}
	handlers["VINSERTF32X4"] = func(m *machine, in *inst) {
		out := append([]byte(nil), m.vector(&in.args[2], in.args[3].width)...)
		copy(out[16*in.args[0].imm:], m.vector(&in.args[1], 16))
		m.setVector(&in.args[3], out)
	}
	handlers["VPACKUSDW"] = pack(4, 0xffff)
	handlers["VPACKUSWB"] = pack(2, 0xff)
	handlers["VPMOVZXBD"] = func(m *machine, in *inst) {
		dst := &in.args[1]
		var out []byte
		for _, b := range m.vector(&in.args[0], dst.width/4) {
			out = append(out, b, 0, 0, 0)
		}
		m.setVector(dst, out)
	}
	handlers["VPMOVDB"] = func(m *machine, in *inst) { // truncates; only stores are emitted
		args, k := in.plain, in.mask
		for i := range args[0].width / 4 {
			if m.selected(k, i) {
				m.bytes(args[1], i, 1, true)[0] = m.vec[args[0].index][4*i]
			}
		}
	}
}

// interleave takes elements of size bytes in turn from both sources, per 128-bit lane: 8 bytes of each, from byte from on.
func interleave(size, from int) handler {
	return func(m *machine, in *inst) {
		width := in.args[2].width
		b, a := m.vector(&in.args[0], width), m.vector(&in.args[1], width)
		var out []byte
		for lane := from; lane < width; lane += 16 {
			for at := lane; at < lane+8; at += size {
				out = append(append(out, a[at:at+size]...), b[at:at+size]...)
			}
		}
		m.setVector(&in.args[2], out)
	}
}

// put writes a vector destination or memory.
func (m *machine) put(o *operand, b []byte) {
	if o.kind == isMem {
		copy(m.bytes(o, 0, len(b), true), b)
	} else {
		m.setVector(o, b)
	}
}

// half returns the upper size bytes of the source; lower halves are never asked for.
func (m *machine) half(in *inst, size int) []byte {
	if in.args[0].imm != 1 {
		fail("immediate %d", in.args[0].imm)
	}
	return append([]byte(nil), m.vec[in.args[1].index][size:2*size]...)
}

// moveVector copies elements of size bytes; those the opmask leaves out are not accessed in memory, and keep a register's value or
// clear it.
func moveVector(size int) handler {
	return func(m *machine, in *inst) {
		args, k := in.plain, in.mask
		src, dst := args[0], args[1]
		width := src.width
		if src.kind == isMem {
			width = dst.width
		}
		if k == nil {
			m.put(dst, append([]byte(nil), m.vector(src, width)...))
			return
		}
		var out []byte
		if dst.kind == isVec {
			out = append(out, m.vec[dst.index][:width]...)
		}
		for i := range width / size {
			switch at := i * size; {
			case m.selected(k, i) && src.kind == isMem:
				copy(out[at:], m.bytes(src, at, size, false))
			case m.selected(k, i) && dst.kind == isMem:
				copy(m.bytes(dst, at, size, true), m.vec[src.index][at:at+size])
			case m.selected(k, i):
				copy(out[at:at+size], m.vec[src.index][at:])
			case in.suffix == "Z":
				clear(out[at : at+size])
			}
		}
		if dst.kind == isVec {
			m.setVector(dst, out)
		}
	}
}

// maskMove is VMASKMOVPS mem, mask, dst or src, mask, mem: the sign bits of mask select the elements that are accessed.
func maskMove(m *machine, in *inst) {
	load := in.args[0].kind == isMem
	k, out := &in.args[1], make([]byte, in.args[1].width)
	for i := range k.width / 4 {
		if m.lane(in, k, i)>>31 == 0 {
			continue
		}
		if load {
			copy(out[4*i:], m.bytes(&in.args[0], 4*i, 4, false))
		} else {
			copy(m.bytes(&in.args[2], 4*i, 4, true), m.vec[in.args[0].index][4*i:])
		}
	}
	if load {
		m.setVector(&in.args[2], out)
	}
}

func broadcast(m *machine, in *inst) {
	var x uint32
	if in.args[0].kind == isReg {
		x = uint32(m.gp[in.args[0].index])
	} else {
		x = m.lane(in, &in.args[0], 0)
	}
	var out []byte
	for range in.args[1].width / 4 {
		out = binary.LittleEndian.AppendUint32(out, x)
	}
	m.setVector(&in.args[1], out)
}

// pack narrows signed elements of size bytes to half, saturating to 0…limit: per 128-bit lane the second source, then the first.
func pack(size int, limit int64) handler {
	return func(m *machine, in *inst) {
		width := in.args[2].width
		b, a := m.vector(&in.args[0], width), m.vector(&in.args[1], width)
		var out []byte
		for lane := 0; lane < width; lane += 16 {
			for _, src := range [][]byte{a[lane : lane+16], b[lane : lane+16]} {
				for i := 0; i < 16; i += size {
					var x int64
					if size == 4 {
						x = int64(int32(binary.LittleEndian.Uint32(src[i:])))
					} else {
						x = int64(int16(binary.LittleEndian.Uint16(src[i:])))
					}
					x = min(max(x, 0), limit)
					if size == 4 {
						out = binary.LittleEndian.AppendUint16(out, uint16(x))
					} else {
						out = append(out, byte(x))
					}
				}
			}
		}
		m.setVector(&in.args[2], out)
	}
}
