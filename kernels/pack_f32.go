package kernels

import (
	"fmt"
	"unsafe"
)

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
	return PackF32At(nil, k, n, b, rowStride, colStride)
}

// PackF32At is PackF32 to a place.
func PackF32At(at Place, k, n int, b []float32, rowStride, colStride int) *PackedF32 {
	p := &PackedF32{K: k, N: n}
	p.Data = placed(at, fmt.Sprintf("gemm_f32 %d %d %d %d", k, n, rowStride, colStride), p.packedLen(), func(dst []float32) {
		(&PackedF32{Data: dst}).Pack(k, n, b, rowStride, colStride)
	})
	return p
}

// packedLen is the number of packed elements, those of columns that do not exist included.
func (p *PackedF32) packedLen() int { return p.K * roundUp(p.N, panelCols) }

// Pack packs the k×n matrix whose element (i, j) is b[i·rowStride + j·colStride], which makes a transposed source a matter of
// strides. Data is reused when it is large enough.
func (p *PackedF32) Pack(k, n int, b []float32, rowStride, colStride int) {
	checkStrided(k, n, len(b), rowStride, colStride)
	p.K, p.N = k, n
	size := p.packedLen()
	if cap(p.Data) < size {
		p.Data = make([]float32, size)
		hugePages(unsafe.Pointer(unsafe.SliceData(p.Data)), 4*size)
	}
	p.Data = p.Data[:size]
	for k0 := 0; k0 < k; k0 += kSegment {
		kc := min(kSegment, k-k0)
		packPanels(p.segment(k0, kc, 0, n), b, k0, kc, 0, n, rowStride, colStride)
	}
}

// packPanels packs columns j0…j1 of rows k0…k0+kc, all in one K segment, to out.
func packPanels(out, b []float32, k0, kc, j0, j1, rowStride, colStride int) {
	full := (j1 - j0) / panelCols * panelCols
	if colStride == 1 {
		for k, panels := 0, full/panelCols; k < kc && panels > 0; k += packRows {
			rows := min(packRows, kc-k)
			at := (k0+k)*rowStride + j0
			pack_f32(out[k*panelCols:(panels-1)*kc*panelCols+(k+rows)*panelCols], b[at:at+(rows-1)*rowStride+full], rows, panels, kc*panelCols, rowStride)
		}
		out, j0 = out[full*kc:], j0+full
	}
	for j := j0; j < j1; j += panelCols {
		cols := min(panelCols, j1-j)
		panel := out[:kc*panelCols]
		out = out[kc*panelCols:]
		if cols < panelCols {
			clear(panel)
		}
		if rowStride == 1 && kc > 0 {
			TransposeF32(panel, b[j*colStride+k0:], cols, kc, panelCols, colStride)
			continue
		}
		for i := range kc {
			for c := range cols {
				panel[i*panelCols+c] = b[(k0+i)*rowStride+(j+c)*colStride]
			}
		}
	}
}

// segment returns the panels of K segment k0…k0+kc for columns j0…j1, j0 a multiple of 16.
func (p *PackedF32) segment(k0, kc, j0, j1 int) []float32 {
	base := k0 * roundUp(p.N, panelCols)
	return p.Data[base+j0*kc : base+roundUp(j1, panelCols)*kc]
}

// packRows bounds a call of pack_f32, which cannot be preempted: 16 rows of 8192 columns take 40 µs from memory.
const packRows = 16

// pack_f32_ref copies rows of panels times 16 elements, lds apart, to panels that are ldd apart.
func pack_f32_ref(dst, src []float32, rows, panels, ldd, lds int) {
	for i := range rows {
		for p := range panels {
			copy(dst[p*ldd+i*panelCols:][:panelCols], src[i*lds+p*panelCols:])
		}
	}
}
