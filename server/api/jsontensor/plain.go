package jsontensor

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

// plainFloats reads numbers of the form 0.123 with a comma behind each, as clients write lists of them, into values. It
// stops before the first that is of another form, or that needs more care: the cursor is where that begins. n is how
// many it read.
func (d *Decoder) plainFloats(values []float32) (n int) {
	b, i := d.data, d.pos
	gap := 1 // between a number and the next
	for n < len(values) {
		v, end := longFloat32(b, i)
		if end == 0 {
			v, end = plainFloat32(b, i)
		}
		if end == 0 || b[end] != ',' {
			break
		}
		values[n] = v
		n++
		if spaced := b[end+1] == ' '; spaced != (gap == 2) { // asked so that where the next begins does not wait for this byte
			gap = 3 - gap
		}
		i = end + gap
	}
	d.pos = i
	return n
}

// plainRoom is how many bytes plainFloat32 wants behind the start of a number, so that it need not look for the end of
// the body: more than the longest number it reads and what is read with it.
const plainRoom = 48

// plainFloat32 reads a number with a fraction and without an exponent at b[i:], of at most maxDigits digits. end is the
// index behind it, less than len(b)-1; 0 where the general way must decide.
//
// The digits that are left of a fraction after eights are read at once, whatever their number, which differs from value
// to value: a branch on each of them would be guessed wrong for most values.
func plainFloat32(b []byte, i int) (v float32, end int) {
	if i+plainRoom > len(b) {
		return 0, 0
	}
	neg := b[i] == '-'
	if neg {
		i++
	}
	m := uint64(b[i] - '0')
	if m > 9 {
		return 0, 0
	}
	i++
	digits := 0
	if m != 0 {
		for digits = 1; digits < maxDigits && b[i]-'0' < 10; digits++ {
			m = m*10 + uint64(b[i]-'0')
			i++
		}
	}
	if b[i] != '.' {
		return 0, 0
	}
	i++
	frac := 0
	w := binary.LittleEndian.Uint64(b[i:])
	for frac < 16 && eightDigits(w) {
		m = m*100000000 + parseEight(w)
		frac += 8
		w = binary.LittleEndian.Uint64(b[i+frac:])
	}
	if k := leadingDigits(w); k > 0 {
		m = m*tens[k&7] + parseEight(w<<(64-8*k)|0x3030303030303030>>(8*k))
		frac += k
	}
	if digits += frac; frac == 0 || digits > maxDigits {
		return 0, 0
	}
	if v, ok := round32(m, -frac, neg); ok && b[i+frac]|0x20 != 'e' {
		return v, i + frac
	}
	return 0, 0
}

// longFloat32 is plainFloat32 for numbers of one digit before the point and 16 to 23 behind it, as most of those between 0 and 1
// are written. end is 0 for others; an exponent may follow.
//
// What is behind the 16th is only counted, so the value is less than 10^-16 off, and the product is rounded twice: less than 2^14
// units in the last place of a float64 from 10^-4 up. Where those do not reach a boundary between two float32 values it does not
// matter. No branch depends on the digits, which would be guessed wrong for every second value.
func longFloat32(b []byte, i int) (v float32, end int) {
	if i+plainRoom > len(b) {
		return 0, 0
	}
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)
	sign := uint32(0)
	if *(*byte)(p) == '-' {
		p = unsafe.Add(p, 1)
		sign = 1 << 31
		i++
	}
	whole := uint64(*(*byte)(p)) - '0'
	if whole > 9 || *(*byte)(unsafe.Add(p, 1)) != '.' {
		return 0, 0
	}
	w1, w2, k := eightAt(p, 2), eightAt(p, 10), leadingDigits(eightAt(p, 18))
	if !eightDigits(w1) || !eightDigits(w2) || k == 8 {
		return 0, 0
	}
	m := whole*1e16 + parseEight(w1)*1e8 + parseEight(w2)
	f := float64(int64(m)) * 1e-16
	const half, slack = 1 << 28, 1 << 14 // a float64 has 29 bits more than a float32
	if m < 1e12 || math.Float64bits(f)&(1<<29-1)-(half-slack) <= 2*slack {
		return 0, 0
	}
	return math.Float32frombits(math.Float32bits(float32(f)) | sign), i + 18 + k
}

// eightAt is the eight bytes at p+i, the first of them lowest.
func eightAt(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

// tens are the powers of ten of up to seven digits.
var tens = [8]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000}

// leadingDigits is how many of the eight bytes of w are ASCII digits before the first that is none.
func leadingDigits(w uint64) int {
	return bits.TrailingZeros64((w&0xF0F0F0F0F0F0F0F0|(w+0x0606060606060606)&0xF0F0F0F0F0F0F0F0>>4)^0x3333333333333333) / 8
}
