package interp

import (
	"encoding/binary"
	"math"

	"github.com/hotpath/hotpath/kernels"
)

func init() {
	// VPMADDUBSW: the first source's bytes are unsigned, the second's signed; sums of two products saturate to s16.
	lanes("VPMADDUBSW", func(_ uint32, s [2]uint32, _ uint64) (out uint32) {
		for i := 0; i < 32; i += 16 {
			sum := int32(uint8(s[0]>>i))*int32(int8(s[1]>>i)) + int32(uint8(s[0]>>(i+8)))*int32(int8(s[1]>>(i+8)))
			out |= uint32(uint16(min(max(sum, -1<<15), 1<<15-1))) << i
		}
		return out
	})
	handlers["VPMOVZXBW"] = func(m *machine, in *inst) {
		dst := &in.args[1]
		var out []byte
		for _, b := range m.vector(&in.args[0], dst.width/2) {
			out = append(out, b, 0)
		}
		m.setVector(dst, out)
	}
	handlers["VPMOVDW"] = func(m *machine, in *inst) { // truncates; only stores are emitted
		for i := range in.args[0].width / 4 {
			copy(m.bytes(&in.args[1], 2*i, 2, true), m.vec[in.args[0].index][4*i:][:2])
		}
	}
	// VDPBF16PS: the upper halves first, each step rounded once.
	lanes("VDPBF16PS", func(d uint32, s [2]uint32, _ uint64) uint32 {
		sum := flush(kernels.FMAF32(flush(f32(s[0]&0xffff0000)), flush(f32(s[1]&0xffff0000)), flush(f32(d))))
		return u32(flush(kernels.FMAF32(flush(f32(s[0]<<16)), flush(f32(s[1]<<16)), sum)))
	})
	handlers["VPSHUFLW"] = shuffleWords(0)
	handlers["VPSHUFHW"] = shuffleWords(8)
}

// shuffleWords permutes the four words at offset half of each 128-bit lane.
func shuffleWords(half int) handler {
	return func(m *machine, in *inst) {
		dst := &in.args[2]
		src := m.vector(&in.args[1], dst.width)
		out := append([]byte(nil), src...)
		for lane := half; lane < dst.width; lane += 16 {
			for i := range 4 {
				from := lane + int(in.args[0].imm>>(2*i))&3*2
				binary.LittleEndian.PutUint16(out[lane+2*i:], binary.LittleEndian.Uint16(src[from:]))
			}
		}
		m.setVector(dst, out)
	}
}

// flush replaces a subnormal by zero of its sign.
func flush(x float32) float32 {
	if math.Abs(float64(x)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}
