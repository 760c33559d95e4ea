package interp

import (
	"encoding/binary"
	"math"
)

func init() {
	integer("VPCMPEQD", func(a, b uint32) uint32 {
		if a == b {
			return 1<<32 - 1
		}
		return 0
	})
	// VSCALEFPS: a·2^⌊b⌋, rounded once.
	float("VSCALEFPS", func(a, b float32) float32 {
		if b != b {
			return b
		}
		return float32(math.Ldexp(float64(a), int(math.Floor(min(max(float64(b), -1000), 1000)))))
	})
	// VRANGEPS: the smaller magnitude, a number rather than NaN, with the sign of the first source (2) or without (10).
	lanes("VRANGEPS", func(_ uint32, s [2]uint32, mode uint64) uint32 {
		const sign = 1 << 31
		a, b := s[0], s[1]
		if mode != 2 && mode != 10 {
			fail("range %d", mode)
		}
		least := min(a&^sign, b&^sign) // as integers, which puts NaN above all numbers
		if mode == 2 && a&^sign <= 0xff<<23 {
			least |= a & sign
		}
		return least
	})
	integer("VPMINUD", func(a, b uint32) uint32 { return min(a, b) })
	handlers["VPCMPUD"] = func(m *machine, in *inst) {
		if in.args[0].imm != 1 {
			fail("predicate %d", in.args[0].imm)
		}
		var k uint64
		for i := range in.args[2].width / 4 {
			if m.lane(in, &in.args[2], i) < m.lane(in, &in.args[1], i) {
				k |= 1 << i
			}
		}
		m.mask[in.args[3].index] = k
	}
	handlers["KXNORW"] = func(m *machine, in *inst) {
		m.mask[in.args[2].index] = ^(m.mask[in.args[0].index] ^ m.mask[in.args[1].index]) & 0xffff
	}
	handlers["VGATHERDPS"] = gather
}

// gather loads the lanes that the opmask, or the sign bits of the first operand, select, and clears the mask.
func gather(m *machine, in *inst) {
	dst := &in.args[2]
	from, mask := &in.args[1], &in.args[0]
	if from.kind != isMem {
		from, mask = mask, from
	}
	if from.scaledVector == 0 {
		fail("no vector of indices")
	}
	out := m.vec[dst.index]
	for i := range dst.width / 4 {
		if mask.kind == isMask && !m.selected(mask, i) || mask.kind == isVec && m.lane(in, mask, i)>>31 == 0 {
			continue
		}
		index := int64(int32(binary.LittleEndian.Uint32(m.vec[from.scaled][4*i:])))
		one := operand{kind: isMem, base: from.base, disp: from.disp + index*int64(from.scale), scaled: 0, scale: 0}
		copy(out[4*i:], m.bytes(&one, 0, 4, false))
	}
	m.setVector(dst, out[:dst.width])
	if mask.kind == isMask {
		m.mask[mask.index] = 0
	} else {
		m.setVector(mask, make([]byte, mask.width))
	}
}
