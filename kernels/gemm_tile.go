package kernels

import "github.com/hotpath/hotpath/internal/cpu"

// On AMX, A is packed to tiles: 16 rows of 64 bytes each, a row of tiles after the other, zero past A's rows and columns. The
// panels of B are tiles as they are.
const (
	tileRows  = 16
	tileWidth = 64 // bytes
	tileSize  = tileRows * tileWidth
	// tileScratch elements of s32: four tiles of sums and one of each panel of a call whose rows end within a tile.
	tileScratch = (4 + blockCols/panelCols) * tileSize / 4
)

const (
	// minTileRows rows of A from where tiles beat VPDPBUSD, which does not pack A: a product of tiles takes as long for one row as for 16.
	minTileRows, minTileK = 16, 64
	// tileCall multiply-adds bound a kernel call: 1024 a cycle are 16 times what AVX2 does in the time of maxCall.
	tileCall = 16 * maxCall
	// tileCache bytes of B stay in a second-level cache of 2 MiB, to be read once for each tileBlock bytes of A, which stay in the first
	// level. Of a larger B, 64 columns are read at a time for each 256 rows of A in the second level.
	tileCache, tileBlock = 1 << 20, 32 << 10
)

// tileBlocks makes blocks for products in tiles; width is the bytes of a row of A. Against 96 rows and 256 columns a call, u8·s8 to s32
// and to u8 take 0.97 and 0.96 of the time at 512³, 0.90 and 0.97 at 1024³; against 256 and 256, 0.95 and 0.95 at 2048³ (Emerald Rapids).
func tileBlocks(m, n, width int) blocks {
	cols := min(roundUp(n, panelCols), stripCols)
	rows, call := max(32, min(tileBlock/width/32*32, 128)), cols
	if width%tileWidth > 0 {
		call = blockCols // what tileScratch has room for
	}
	if width*cols > tileCache {
		rows, call = 256, 64
		for rows*width > 2*tileCache && rows > 32 { // A in tiles stays in that cache
			rows /= 2
		}
	}
	for rows*call*width > tileCall && call > 32 {
		call = roundUp(call/2, 32)
	}
	return blocksOf(m, n, rows, stripCols, call)
}

// TakesTiles reports whether u8·s8 products of this size go to AMX tiles on tier t. The sums are exact, so it shows in time only.
func TakesTiles(t cpu.Tier, m, n, k int) bool {
	return t >= cpu.AMX && m >= minTileRows && n >= panelCols && k >= minTileK
}

// tiles packs rows×k bytes of a, each exclusive-or flip.
func (s *scratch) tiles(a []uint8, lda, rows, k int, flip uint8) []uint8 {
	stride := roundUp(k, tileWidth) * tileRows
	size := roundUp(rows, tileRows) / tileRows * stride
	s.u8 = grown(s.u8, size)
	if cut := rows % tileRows; cut > 0 {
		clear(s.u8[size-stride:])
	}
	pack_tile_u8(s.u8, a, lda, rows, k, uint32(flip)*0x01010101)
	return s.u8
}

// pack_tile_u8_ref copies m ≥ 1 rows of k bytes, lda apart, into tiles, each byte exclusive-or that of flip, with zeros up to a
// multiple of 64.
func pack_tile_u8_ref(dst, a []uint8, lda, m, k int, flip uint32) {
	steps := roundUp(k, tileWidth) / tileWidth
	for i := range m {
		for j := range steps * tileWidth {
			v := uint8(0)
			if j < k {
				v = a[i*lda+j] ^ uint8(flip)
			}
			dst[tileAt(steps, i, j)] = v
		}
	}
}

// tileAt is the position of byte j of row i in tiles, steps of them a row.
func tileAt(steps, i, j int) int {
	return (i/tileRows*steps+j/tileWidth)*tileSize + i%tileRows*tileWidth + j%tileWidth
}

// tiled computes rows i0…i1 and columns j0…j1 of C from tiles of A.
func (g *gemmU8S8) tiled(a []uint8, sums []int32, i0, i1, j0, j1 int) {
	b, rows, cols, groups := g.b.panels(j0, j1), i1-i0, j1-j0, (g.b.K+3)/4
	from, to := i0*g.ldc+j0, (i1-1)*g.ldc+j1
	switch {
	case g.s32 != nil:
		gemm_tile_u8s8s32(a, b, g.s32[from:to], sums, g.ldc, rows, cols, groups)
	case g.u8 != nil:
		gemm_tile_u8s8u8(a, b, g.u8[from:to], sums, g.bias[j0:j1], g.scale[j0:j1], g.ldc, rows, cols, groups,
			float32(g.lo-g.zp), float32(g.hi-g.zp), g.zp)
	default:
		gemm_tile_u8s8f32(a, b, g.f32[from:to], sums, g.bias[j0:j1], g.scale[j0:j1], g.ldc, rows, cols, groups, int(g.act))
	}
}

// dotTile returns Σ_k A[i][k] · B[k][j] from tiles and packed panels of groups·4 rows.
func dotTile(a []uint8, b []int8, groups, i, j int) int32 {
	steps, at := (groups+15)/16, j/panelCols*panelCols*groups*4+j%panelCols*4
	var sum int32
	for k := range 4 * groups {
		sum += int32(a[tileAt(steps, i, k)]) * int32(b[at+k/4*panelCols*4+k%4])
	}
	return sum
}

func gemm_tile_u8s8s32_ref(a []uint8, b []int8, c, _ []int32, ldc, m, n, groups int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dotTile(a, b, groups, i, j)
		}
	}
}

func gemm_tile_u8s8u8_ref(a []uint8, b []int8, c []uint8, _, bias []int32, mult []float32, ldc, m, n, groups int, lo, hi float32, zp int32) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = requantised(dotTile(a, b, groups, i, j)+bias[j], mult[j], lo, hi, zp)
		}
	}
}

func gemm_tile_u8s8f32_ref(a []uint8, b []int8, c []float32, _, bias []int32, scale []float32, ldc, m, n, groups, relu int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dequantised(dotTile(a, b, groups, i, j)+bias[j], scale[j], relu)
		}
	}
}
