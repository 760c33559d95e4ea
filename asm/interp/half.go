package interp

import (
	"encoding/binary"

	"github.com/hotpath/hotpath/kernels"
)

func init() {
	handlers["VCVTPH2PS"] = func(m *machine, in *inst) {
		args, k := split(in)
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
}
