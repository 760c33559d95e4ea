package interp

import (
	"encoding/binary"
	"math"

	"github.com/hotpath/hotpath/kernels"
)

// lanes registers an instruction on 32-bit lanes: dst = f(dst, sources from last to first, immediate). Lanes that the opmask leaves out
// keep dst or become zero. Memory is not accessed for them.
func lanes(name string, f func(dst uint32, src [2]uint32, imm uint64) uint32) {
	handlers[name] = func(m *machine, in *inst) {
		args, k := in.plain, in.mask
		dst := args[len(args)-1]
		src := args[:len(args)-1]
		var imm uint64
		if len(src) > 0 && src[0].kind == isImm {
			imm, src = src[0].imm, src[1:]
		}
		if dst.kind != isVec {
			fail("destination is not a vector")
		}
		out := m.vec[dst.index]
		if k == nil { // most instructions: sources are looked up once
			var from [2][]byte
			var step [2]int
			for j, o := range src {
				from[len(src)-1-j], step[len(src)-1-j] = m.source(in, o, dst.width)
			}
			for i := range dst.width / 4 {
				var s [2]uint32
				for j := range len(src) {
					s[j] = binary.LittleEndian.Uint32(from[j][i*step[j]:])
				}
				binary.LittleEndian.PutUint32(out[4*i:], f(binary.LittleEndian.Uint32(out[4*i:]), s, imm))
			}
			m.setVector(dst, out[:dst.width])
			return
		}
		for i := range dst.width / 4 {
			old := binary.LittleEndian.Uint32(out[4*i:])
			v := uint32(0)
			if m.selected(k, i) {
				var s [2]uint32
				for j, o := range src {
					s[len(src)-1-j] = m.lane(in, o, i)
				}
				v = f(old, s, imm)
			} else if in.suffix != "Z" {
				v = old
			}
			binary.LittleEndian.PutUint32(out[4*i:], v)
		}
		m.setVector(dst, out[:dst.width])
	}
}

func f32(x uint32) float32 { return math.Float32frombits(x) }
func u32(x float32) uint32 { return math.Float32bits(x) }

// float registers dst = f(a, b) with a the second source, b the first, as in Intel's order.
func float(name string, f func(a, b float32) float32) {
	lanes(name, func(_ uint32, s [2]uint32, _ uint64) uint32 { return u32(f(f32(s[0]), f32(s[1]))) })
}

func integer(name string, f func(a, b uint32) uint32) {
	lanes(name, func(_ uint32, s [2]uint32, _ uint64) uint32 { return f(s[0], s[1]) })
}

// words applies f to both 16-bit halves of a lane.
func words(x uint32, f func(uint16) uint16) uint32 {
	return uint32(f(uint16(x))) | uint32(f(uint16(x>>16)))<<16
}

// byByte applies f to the four bytes of a lane.
func byByte(f func(a, b uint8) uint8) func(a, b uint32) uint32 {
	return func(a, b uint32) (out uint32) {
		for i := 0; i < 32; i += 8 {
			out |= uint32(f(uint8(a>>i), uint8(b>>i))) << i
		}
		return out
	}
}

func init() {
	float("VADDPS", func(a, b float32) float32 { return a + b })
	float("VSUBPS", func(a, b float32) float32 { return a - b })
	float("VMULPS", func(a, b float32) float32 { return a * b })
	float("VDIVPS", func(a, b float32) float32 { return a / b })
	// The second source wins on NaN and on equal zeros.
	float("VMAXPS", func(a, b float32) float32 {
		if a > b {
			return a
		}
		return b
	})
	float("VMINPS", func(a, b float32) float32 {
		if a < b {
			return a
		}
		return b
	})
	lanes("VFMADD231PS", func(d uint32, s [2]uint32, _ uint64) uint32 { return u32(kernels.FMAF32(f32(s[0]), f32(s[1]), f32(d))) })
	lanes("VFMSUB231PS", func(d uint32, s [2]uint32, _ uint64) uint32 {
		return u32(kernels.FMAF32(f32(s[0]), f32(s[1]), -f32(d)))
	})
	exact := handlers["VFMADD231PS"]
	lanes("VFMADD231PS", func(d uint32, s [2]uint32, _ uint64) uint32 {
		return u32(flush(kernels.FMAF32(flush(f32(s[0])), flush(f32(s[1])), flush(f32(d)))))
	})
	flushing := handlers["VFMADD231PS"]
	handlers["VFMADD231PS"] = func(m *machine, in *inst) {
		if m.flushing {
			flushing(m, in)
		} else {
			exact(m, in)
		}
	}
	lanes("VFMADD213PS", func(d uint32, s [2]uint32, _ uint64) uint32 { return u32(kernels.FMAF32(f32(s[0]), f32(d), f32(s[1]))) })
	lanes("VFNMADD231PS", func(d uint32, s [2]uint32, _ uint64) uint32 {
		return u32(kernels.FMAF32(-f32(s[0]), f32(s[1]), f32(d)))
	})
	integer("VXORPS", func(a, b uint32) uint32 { return a ^ b })
	integer("VPXORD", func(a, b uint32) uint32 { return a ^ b })
	integer("VORPS", func(a, b uint32) uint32 { return a | b })
	integer("VANDPS", func(a, b uint32) uint32 { return a & b })
	integer("VPAND", func(a, b uint32) uint32 { return a & b })
	integer("VPMULLD", func(a, b uint32) uint32 { return a * b })
	integer("VPANDD", func(a, b uint32) uint32 { return a & b })
	integer("VPOR", func(a, b uint32) uint32 { return a | b })
	integer("VPORD", func(a, b uint32) uint32 { return a | b })
	integer("VPMAXUB", byByte(func(a, b uint8) uint8 { return max(a, b) }))
	integer("VPSUBB", byByte(func(a, b uint8) uint8 { return a - b }))
	integer("VPADDUSB", byByte(func(a, b uint8) uint8 { return uint8(min(uint32(a)+uint32(b), 255)) }))
	integer("VPADDD", func(a, b uint32) uint32 { return a + b })
	integer("VPMAXUD", func(a, b uint32) uint32 { return max(a, b) })
	integer("VPMAXSD", func(a, b uint32) uint32 { return uint32(max(int32(a), int32(b))) })
	integer("VPSUBD", func(a, b uint32) uint32 { return a - b })
	integer("VPMADDWD", func(a, b uint32) uint32 {
		return uint32(int32(int16(a))*int32(int16(b)) + int32(int16(a>>16))*int32(int16(b>>16)))
	})
	// VPDPBUSD: a's bytes are unsigned, b's signed; the sum wraps.
	lanes("VPDPBUSD", func(d uint32, s [2]uint32, _ uint64) uint32 {
		for i := 0; i < 32; i += 8 {
			d += uint32(int32(uint8(s[0]>>i)) * int32(int8(s[1]>>i)))
		}
		return d
	})
	lanes("VPSLLD", func(_ uint32, s [2]uint32, n uint64) uint32 { return s[0] << n })
	lanes("VPSRLD", func(_ uint32, s [2]uint32, n uint64) uint32 { return s[0] >> n })
	// VPTERNLOGD looks each bit up in the immediate: destination, second and first source make the index.
	lanes("VPTERNLOGD", func(d uint32, s [2]uint32, table uint64) (out uint32) {
		for i := range 32 {
			at := d>>i&1<<2 | s[0]>>i&1<<1 | s[1]>>i&1
			out |= uint32(table>>at&1) << i
		}
		return out
	})
	lanes("VPSRAD", func(_ uint32, s [2]uint32, n uint64) uint32 { return uint32(int32(s[0]) >> n) })
	lanes("VPSLLW", func(_ uint32, s [2]uint32, n uint64) uint32 {
		return words(s[0], func(x uint16) uint16 { return x << n })
	})
	lanes("VPSRLW", func(_ uint32, s [2]uint32, n uint64) uint32 {
		return words(s[0], func(x uint16) uint16 { return x >> n })
	})
	lanes("VPSRAW", func(_ uint32, s [2]uint32, n uint64) uint32 {
		return words(s[0], func(x uint16) uint16 { return uint16(int16(x) >> n) })
	})
	lanes("VROUNDPS", round)
	lanes("VRNDSCALEPS", round)
	lanes("VCVTDQ2PS", func(_ uint32, s [2]uint32, _ uint64) uint32 { return u32(float32(int32(s[0]))) })
	lanes("VCVTPS2DQ", func(_ uint32, s [2]uint32, _ uint64) uint32 {
		x := math.RoundToEven(float64(f32(s[0])))
		if !(x >= math.MinInt32 && x <= math.MaxInt32) {
			return 1 << 31
		}
		return uint32(int32(x))
	})
	lanes("VSQRTPS", func(_ uint32, s [2]uint32, _ uint64) uint32 { return u32(float32(math.Sqrt(float64(f32(s[0]))))) })
	handlers["VCMPPS"] = compareFloats
	handlers["VBLENDVPS"] = func(m *machine, in *inst) {
		out := m.vec[in.args[3].index]
		for i := range in.args[3].width / 4 {
			src := &in.args[2]
			if m.lane(in, &in.args[0], i)>>31 != 0 {
				src = &in.args[1]
			}
			binary.LittleEndian.PutUint32(out[4*i:], m.lane(in, src, i))
		}
		m.setVector(&in.args[3], out[:in.args[3].width])
	}
}

// round is to even (8), down (9) or up (10).
func round(_ uint32, s [2]uint32, mode uint64) uint32 {
	f, ok := map[uint64]func(float64) float64{8: math.RoundToEven, 9: math.Floor, 10: math.Ceil}[mode]
	if !ok {
		fail("rounding mode %d", mode)
	}
	return u32(float32(f(float64(f32(s[0])))))
}

// compareFloats is VCMPPS into an opmask or into lanes of ones and zeros.
func compareFloats(m *machine, in *inst) {
	holds, ok := map[uint64]func(a, b float32) bool{
		0: func(a, b float32) bool { return a == b },
		1: func(a, b float32) bool { return a < b },
		3: func(a, b float32) bool { return a != a || b != b },
	}[in.args[0].imm]
	if !ok {
		fail("predicate %d", in.args[0].imm)
	}
	dst := &in.args[3]
	var out [64]byte
	var k uint64
	for i := range in.args[2].width / 4 {
		if holds(f32(m.lane(in, &in.args[2], i)), f32(m.lane(in, &in.args[1], i))) {
			k |= 1 << i
			binary.LittleEndian.PutUint32(out[4*i:], math.MaxUint32)
		}
	}
	if dst.kind == isMask {
		m.mask[dst.index] = k
	} else {
		m.setVector(dst, out[:dst.width])
	}
}
