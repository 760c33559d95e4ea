package kernels

import "unsafe"

// panelCols is the width of a packed panel.
const panelCols = 16

// PackedF32 is a K×N matrix packed for GemmF32: [k segment of 256][panel of 16 columns][k in segment][16], columns past N
// zero. The layout is the same on all tiers.
type PackedF32 struct {
	K, N int
	Data []float32
}

// PackF32 packs a k×n matrix; see Pack.
func PackF32(k, n int, b []float32, rowStride, colStride int) *PackedF32 {
	p := new(PackedF32)
	p.Pack(k, n, b, rowStride, colStride)
	return p
}

// Pack packs the k×n matrix whose element (i, j) is b[i·rowStride + j·colStride], which makes a transposed source a matter of
// strides. Data is reused when it is large enough.
func (p *PackedF32) Pack(k, n int, b []float32, rowStride, colStride int) {
	checkStrided(k, n, len(b), rowStride, colStride)
	size := k * roundUp(n, panelCols)
	if cap(p.Data) < size {
		p.Data = make([]float32, size)
		hugePages(unsafe.Pointer(unsafe.SliceData(p.Data)), 4*size)
	}
	p.K, p.N, p.Data = k, n, p.Data[:size]
	for k0 := 0; k0 < k; k0 += kSegment {
		kc := min(kSegment, k-k0)
		packPanels(p.segment(k0, kc, 0, n), b, k0, kc, 0, n, rowStride, colStride)
	}
}

// packPanels packs columns j0…j1 of rows k0…k0+kc, all in one K segment, to out.
func packPanels(out, b []float32, k0, kc, j0, j1, rowStride, colStride int) {
	for j := j0; j < j1; j += panelCols {
		cols := min(panelCols, j1-j)
		panel := out[:kc*panelCols]
		out = out[kc*panelCols:]
		if cols < panelCols {
			clear(panel)
		}
		switch {
		case kc == 0:
		case colStride == 1 && cols == panelCols:
			for i := range kc {
				// Arrays are copied by vector moves, slices by a call.
				*(*[panelCols]float32)(panel[i*panelCols:]) = *(*[panelCols]float32)(b[(k0+i)*rowStride+j:])
			}
		case rowStride == 1:
			TransposeF32(panel, b[j*colStride+k0:], cols, kc, panelCols, colStride)
		default:
			for i := range kc {
				for c := range cols {
					panel[i*panelCols+c] = b[(k0+i)*rowStride+(j+c)*colStride]
				}
			}
		}
	}
}

// segment returns the panels of K segment k0…k0+kc for columns j0…j1, j0 a multiple of 16.
func (p *PackedF32) segment(k0, kc, j0, j1 int) []float32 {
	base := k0 * roundUp(p.N, panelCols)
	return p.Data[base+j0*kc : base+roundUp(j1, panelCols)*kc]
}
