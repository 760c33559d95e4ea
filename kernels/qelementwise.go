package kernels

// QAdd is the sum of two quantised values: with a and b less their zero points,
//
//	clamp(roundeven(fma(b, MultB, float32(a · MultA))) + ZeroPoint, Lo, Hi)
//
// MultA is scale(a) / scale(result) and MultB is scale(b) / scale(result). 0 ≤ Lo ≤ Hi ≤ 255.
type QAdd struct {
	ZeroA, ZeroB      int32
	MultA, MultB      float32
	ZeroPoint, Lo, Hi int32
}

// QAddU8 computes dst[i] from a[i] and b[i] for i < len(dst). dst may be a or b. len(a), len(b) ≥ len(dst).
func QAddU8(dst, a, b []uint8, p *QAdd) {
	lo, hi := float32(p.Lo-p.ZeroPoint), float32(p.Hi-p.ZeroPoint)
	a, b = a[:len(dst)], b[:len(dst)]
	for len(dst) >= 16 {
		n := min(elementwiseBlock, len(dst)&^15)
		qadd_u8(dst[:n], a[:n], b[:n], p.ZeroA, p.ZeroB, p.MultA, p.MultB, lo, hi, p.ZeroPoint)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
	qadd_u8_ref(dst, a, b, p.ZeroA, p.ZeroB, p.MultA, p.MultB, lo, hi, p.ZeroPoint)
}

// qadd_u8_ref: where assembly runs, len(dst) is a multiple of 16.
func qadd_u8_ref(dst, a, b []uint8, zeroA, zeroB int32, multA, multB, lo, hi float32, zp int32) {
	for i := range dst {
		y := FMAF32(float32(int32(b[i])-zeroB), multB, float32(float32(int32(a[i])-zeroA)*multA))
		dst[i] = uint8(roundClamped(y, lo, hi) + zp)
	}
}

// QMul is the product of two quantised values: with a and b less their zero points,
//
//	clamp(roundeven(float32(a · b) · Mult) + ZeroPoint, Lo, Hi)
//
// Mult is scale(a) · scale(b) / scale(result); a · b is exact. 0 ≤ Lo ≤ Hi ≤ 255.
type QMul struct {
	ZeroA, ZeroB      int32
	Mult              float32
	ZeroPoint, Lo, Hi int32
}

// QMulU8 computes dst[i] from a[i] and b[i] for i < len(dst). dst may be a or b. len(a), len(b) ≥ len(dst).
func QMulU8(dst, a, b []uint8, p *QMul) {
	lo, hi := float32(p.Lo-p.ZeroPoint), float32(p.Hi-p.ZeroPoint)
	a, b = a[:len(dst)], b[:len(dst)]
	for len(dst) >= 16 {
		n := min(elementwiseBlock, len(dst)&^15)
		qmul_u8(dst[:n], a[:n], b[:n], p.ZeroA, p.ZeroB, p.Mult, lo, hi, p.ZeroPoint)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
	qmul_u8_ref(dst, a, b, p.ZeroA, p.ZeroB, p.Mult, lo, hi, p.ZeroPoint)
}

// qmul_u8_ref: where assembly runs, len(dst) is a multiple of 16.
func qmul_u8_ref(dst, a, b []uint8, zeroA, zeroB int32, mult, lo, hi float32, zp int32) {
	for i := range dst {
		y := float32((int32(a[i])-zeroA)*(int32(b[i])-zeroB)) * mult
		dst[i] = uint8(roundClamped(y, lo, hi) + zp)
	}
}

// LookupU8 computes dst[i] = table[x[i]] for i < len(dst): any function of one quantised value. dst may be x. len(x) ≥ len(dst),
// len(table) = 256.
func LookupU8(dst, x, table []uint8) {
	x, table = x[:len(dst)], table[:256]
	for len(dst) >= 64 {
		n := min(elementwiseBlock, len(dst)&^63)
		lookup_u8(dst[:n], x[:n], table)
		dst, x = dst[n:], x[n:]
	}
	lookup_u8_ref(dst, x, table)
}

// lookup_u8_ref: where assembly runs, len(dst) is a multiple of 64.
func lookup_u8_ref(dst, x, table []uint8) {
	t := (*[256]uint8)(table)
	for i, v := range x {
		dst[i] = t[v]
	}
}
