package jsontensor

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

// number is a scanned JSON number: value = ±mant · 10^exp where digits ≤ maxDigits, else only the text holds it.
type number struct {
	mant    uint64
	exp     int
	digits  int // decimal digits in mant, leading zeros of a fraction included
	start   int
	end     int // index behind the last byte; 0 if the bytes are not a JSON number
	neg     bool
	integer bool // neither fraction nor exponent
}

// maxDigits decimal digits always fit a uint64.
const maxDigits = 19

// maxExp bounds the exponent kept of a literal: beyond it every value is 0 or overflows, which the slow path decides.
const maxExp = 99999

// scanNumber reads the number at b[i:] by the grammar of RFC 8259 section 6: no plus sign, no leading zeros, no bare
// decimal point.
func scanNumber(b []byte, i int) (n number) {
	n.start = i
	if i < len(b) && b[i] == '-' {
		n.neg = true
		i++
	}
	start := i
	m := uint64(0)
	if i < len(b) && b[i] == '0' {
		i++
		start = i // a single zero is no significant digit
	} else {
		for i < len(b) && b[i]-'0' < 10 {
			m = m*10 + uint64(b[i]-'0')
			i++
		}
		if i == start {
			return number{}
		}
	}
	n.digits = i - start
	n.integer = true
	if i < len(b) && b[i] == '.' {
		i++
		frac := i
		for i+8 <= len(b) {
			v := binary.LittleEndian.Uint64(b[i:])
			if !eightDigits(v) {
				break
			}
			m = m*100000000 + parseEight(v)
			i += 8
		}
		for i < len(b) && b[i]-'0' < 10 {
			m = m*10 + uint64(b[i]-'0')
			i++
		}
		if i == frac {
			return number{}
		}
		n.digits += i - frac
		n.exp = frac - i
		n.integer = false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		minus := false
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			minus = b[i] == '-'
			i++
		}
		first, e := i, 0
		for i < len(b) && b[i]-'0' < 10 {
			if e < maxExp {
				e = e*10 + int(b[i]-'0')
			}
			i++
		}
		if i == first {
			return number{}
		}
		if minus {
			e = -e
		}
		n.exp += e
		n.integer = false
	}
	if i < len(b) && b[i]-'0' < 10 { // a digit behind a leading zero
		return number{}
	}
	n.mant, n.end = m, i
	return n
}

// eightDigits reports whether all eight bytes of v are ASCII digits: the high nibble is 3, and adding 6 keeps it.
func eightDigits(v uint64) bool {
	return v&0xF0F0F0F0F0F0F0F0|(v+0x0606060606060606)&0xF0F0F0F0F0F0F0F0>>4 == 0x3333333333333333
}

// parseEight is the value of eight ASCII digits, first digit in the lowest byte (Lemire, "Quickly parsing eight
// digits", 2018).
func parseEight(v uint64) uint64 {
	v = (v & 0x0F0F0F0F0F0F0F0F) * 2561 >> 8
	v = (v & 0x00FF00FF00FF00FF) * 6553601 >> 16
	return (v & 0x0000FFFF0000FFFF) * 42949672960001 >> 32
}

// pow10 holds the powers of ten that a float64 represents exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// text is the literal itself, in the bytes it was scanned from.
func (n *number) text(data []byte) []byte { return data[n.start:n.end] }

// float32 is the correctly rounded value of the literal; ok is false where it overflows.
func (n *number) float32(data []byte) (v float32, ok bool) {
	if n.digits <= maxDigits {
		if n.mant == 0 {
			return float32(math.Copysign(0, sign(n.neg))), true
		}
		if v, ok := round32(n.mant, n.exp, n.neg); ok {
			return v, true
		}
	}
	text := n.text(data)
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 32)
	return float32(f), err == nil
}

// round32 is ±mant·10^exp rounded correctly, or not ok where it does not know.
//
// It computes mant·10^exp in float64 with two roundings, so the true value lies within 2 units in the last place of
// that. Where those 2 units do not reach a boundary between two float32 values, rounding it once more cannot differ
// from rounding the true value; near a boundary, and outside the normal range, strconv decides.
func round32(mant uint64, exp int, neg bool) (v float32, ok bool) {
	if exp < -22 || exp > 22 {
		return 0, false
	}
	f := float64(mant)
	if exp < 0 {
		f /= pow10[-exp]
	} else {
		f *= pow10[exp]
	}
	const half = 1 << 28 // a float64 has 29 bits more than a float32
	below := math.Float64bits(f)&(1<<29-1) - (half - 2)
	if below <= 4 || f < 0x1p-126 || f >= 0x1p127 {
		return 0, false
	}
	if neg {
		f = -f
	}
	return float32(f), true
}

// float64 is the correctly rounded value of the literal; ok is false where it overflows. The fast path is Clinger's:
// an exact integer times or divided by an exact power of ten rounds once.
func (n *number) float64(data []byte) (v float64, ok bool) {
	if n.digits <= maxDigits && n.mant < 1<<53 && -22 <= n.exp && n.exp <= 22 {
		f := float64(n.mant)
		if n.exp < 0 {
			f /= pow10[-n.exp]
		} else {
			f *= pow10[n.exp]
		}
		return math.Copysign(f, sign(n.neg)), true
	}
	text := n.text(data)
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return f, err == nil
}

// int is the value of an integer literal within [lo, hi].
func (n *number) int(lo, hi int64) (v int64, ok bool) {
	if !n.integer || n.digits > maxDigits {
		return 0, false
	}
	if n.neg {
		if n.mant > 1<<63 {
			return 0, false
		}
		v = -int64(n.mant)
	} else {
		if n.mant > math.MaxInt64 {
			return 0, false
		}
		v = int64(n.mant)
	}
	return v, lo <= v && v <= hi
}

// uint64 is the value of an integer literal of up to 20 digits.
func (n *number) uint64(data []byte) (v uint64, ok bool) {
	switch {
	case !n.integer || n.neg && n.mant != 0:
		return 0, false
	case n.digits <= maxDigits:
		return n.mant, true
	}
	text := n.text(data)
	v, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(text), len(text)), 10, 64)
	return v, err == nil
}

func sign(neg bool) float64 {
	if neg {
		return -1
	}
	return 1
}
