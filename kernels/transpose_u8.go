package kernels

import "encoding/binary"

// TransposeU8 is TransposeF32 for bytes: dst[c·ldd + r] = src[r·lds + c] for r < rows and c < cols. Plain Go on every tier, 8 × 8 bytes
// at a time.
func TransposeU8(dst, src []uint8, rows, cols, ldd, lds int) {
	r8, c8 := rows&^7, cols&^7
	for r := 0; r < r8; r += 8 {
		for c := 0; c < c8; c += 8 {
			var w [8]uint64
			for i := range w {
				w[i] = binary.LittleEndian.Uint64(src[(r+i)*lds+c:])
			}
			transpose8(&w)
			for i := range w {
				binary.LittleEndian.PutUint64(dst[(c+i)*ldd+r:], w[i])
			}
		}
	}
	for c := range cols {
		first := r8
		if c >= c8 {
			first = 0
		}
		for r := first; r < rows; r++ {
			dst[c*ldd+r] = src[r*lds+c]
		}
	}
}

// transpose8 swaps blocks of 4, 2 and 1 bytes across the diagonal of 8 × 8 bytes.
func transpose8(w *[8]uint64) {
	for _, s := range [3]struct {
		step int
		low  uint64
	}{{4, 0x00000000ffffffff}, {2, 0x0000ffff0000ffff}, {1, 0x00ff00ff00ff00ff}} {
		shift := 8 * s.step
		for i := range w {
			if i&s.step != 0 {
				continue
			}
			a, b := w[i], w[i+s.step]
			w[i], w[i+s.step] = a&s.low|(b&s.low)<<shift, a>>shift&s.low|b&^s.low
		}
	}
}
