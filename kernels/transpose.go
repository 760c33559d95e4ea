package kernels

// transposeTile is the edge of the squares that a call of the assembly transposes: 64 rows of 256 bytes of source and of destination, in
// the L1 cache together.
const transposeTile = 64

// TransposeF32 computes, for r < rows and c < cols,
//
//	dst[c·ldd + r] = src[r·lds + c]
//
// It moves bits: NaN payloads stay. ldd ≥ rows and lds ≥ cols, or there is one row; dst must not overlap src.
func TransposeF32(dst, src []float32, rows, cols, ldd, lds int) {
	if rows == 3 && ldd == 3 {
		transposeColours(dst, src[:cols], src[lds:lds+cols], src[2*lds:2*lds+cols])
		return
	}
	for r := 0; r < rows; r += transposeTile {
		for c := 0; c < cols; c += transposeTile {
			transposeTileF32(dst[c*ldd+r:], src[r*lds+c:], min(transposeTile, rows-r), min(transposeTile, cols-c), ldd, lds)
		}
	}
}

// transposeColours puts the values of three planes side by side.
func transposeColours(dst, a, b, c []float32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, v := range a {
		pixel := (*[3]float32)(dst[3*i:])
		pixel[0], pixel[1], pixel[2] = v, b[i], c[i]
	}
}

// transposeTileF32 leaves the last rows and columns, those beyond a multiple of 8, to Go.
func transposeTileF32(dst, src []float32, rows, cols, ldd, lds int) {
	r8, c8 := rows&^7, cols&^7
	if r8 > 0 && c8 > 0 {
		transpose_f32(dst[:(c8-1)*ldd+r8], src[:(r8-1)*lds+c8], r8, c8, ldd, lds)
	} else {
		r8, c8 = 0, 0
	}
	for r := range rows {
		first := 0
		if r < r8 {
			first = c8
		}
		at := first*ldd + r
		for _, v := range src[r*lds+first : r*lds+cols] {
			dst[at] = v
			at += ldd
		}
	}
}

func transpose_f32_ref(dst, src []float32, rows, cols, ldd, lds int) {
	for c := range cols {
		for r := range rows {
			dst[c*ldd+r] = src[r*lds+c]
		}
	}
}
