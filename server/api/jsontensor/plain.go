package jsontensor

import (
	"encoding/binary"
	"math/bits"
)

// plainFloats reads numbers of the form 0.123 with a comma behind each, as clients write lists of them, into values. It
// stops before the first that is of another form, or that needs more care: the cursor is where that begins. n is how
// many it read.
func (d *Decoder) plainFloats(values []float32) (n int) {
	b, i := d.data, d.pos
	for n < len(values) {
		v, end := plainFloat32(b, i)
		if end == 0 || b[end] != ',' {
			break
		}
		values[n] = v
		n++
		i = end + 1
		if b[i] == ' ' {
			i++
		}
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

// tens are the powers of ten of up to seven digits.
var tens = [8]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000}

// leadingDigits is how many of the eight bytes of w are ASCII digits before the first that is none.
func leadingDigits(w uint64) int {
	return bits.TrailingZeros64((w&0xF0F0F0F0F0F0F0F0|(w+0x0606060606060606)&0xF0F0F0F0F0F0F0F0>>4)^0x3333333333333333) / 8
}
