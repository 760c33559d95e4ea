package interp

import (
	"encoding/binary"

	"github.com/hotpath/hotpath/kernels"
)

func init() {
	handlers["VCVTPH2PS"] = func(m *machine, in *inst) {
		args, k := in.plain, in.mask
		src, dst := args[0], args[1]
		var out []byte
		for i := range dst.width / 4 {
			var h uint16
			switch {
			case !m.selected(k, i): // only zeroing forms are emitted, and memory is not accessed for their zeros
			case src.kind == isMem:
				h = binary.LittleEndian.Uint16(m.bytes(src, 2*i, 2, false))
			default:
				h = binary.LittleEndian.Uint16(m.vec[src.index][2*i:])
			}
			out = binary.LittleEndian.AppendUint32(out, u32(kernels.F16ToF32(h)))
		}
		m.setVector(dst, out)
	}
	handlers["VCVTPS2PH"] = func(m *machine, in *inst) {
		if in.args[0].imm != 0 {
			fail("rounding mode %d", in.args[0].imm)
		}
		src, dst := &in.args[1], &in.args[2]
		var out []byte
		for i := range src.width / 4 {
			out = binary.LittleEndian.AppendUint16(out, kernels.F32ToF16(f32(m.lane(in, src, i))))
		}
		m.put(dst, out)
	}
	handlers["VPMOVZXWD"] = func(m *machine, in *inst) {
		dst := &in.args[1]
		src, out := m.vector(&in.args[0], dst.width/2), []byte(nil)
		for i := 0; i < len(src); i += 2 {
			out = append(out, src[i], src[i+1], 0, 0)
		}
		m.setVector(dst, out)
	}
	handlers["VPMOVDW"] = narrow(2, func(x uint32) uint32 { return x })
	handlers["VPMOVSDB"] = narrow(1, func(x uint32) uint32 { return uint32(min(max(int32(x), -128), 127)) })
	handlers["VPACKSSDW"] = packSigned(4)
	handlers["VPACKSSWB"] = packSigned(2)
}

// narrow stores the low bytes of f of each lane.
func narrow(size int, f func(uint32) uint32) handler {
	return func(m *machine, in *inst) {
		var out []byte
		for i := range in.args[0].width / 4 {
			out = append(out, binary.LittleEndian.AppendUint32(nil, f(m.lane(in, &in.args[0], i)))[:size]...)
		}
		m.put(&in.args[1], out)
	}
}

// packSigned narrows signed elements of size bytes to half, saturating: the 128 bits of the second source, then of the first.
func packSigned(size int) handler {
	return func(m *machine, in *inst) {
		if in.args[2].width != 16 {
			fail("only 128 bits are emitted")
		}
		var out []byte
		for _, src := range []*operand{&in.args[1], &in.args[0]} {
			b := m.vector(src, 16)
			for i := 0; i < 16; i += size {
				if size == 4 {
					x := int32(binary.LittleEndian.Uint32(b[i:]))
					out = binary.LittleEndian.AppendUint16(out, uint16(min(max(x, -1<<15), 1<<15-1)))
				} else {
					x := int16(binary.LittleEndian.Uint16(b[i:]))
					out = append(out, byte(min(max(x, -128), 127)))
				}
			}
		}
		m.setVector(&in.args[2], out)
	}
}
