package kernels

// qwindows is the windows of a band of an image as rows of bytes, an output pixel each: what a product in tiles has for A.
type qwindows struct {
	image     []uint8
	taps      []int64 // where a window's runs start
	depth     int     // of a run, a multiple of tileWidth
	ow        int     // pixels of a row of outputs
	step, row int     // elements from a pixel to the next one and to that below
}

// takesTiles reports whether the windows of so many pixels go to AMX tiles. Runs must be whole tiles wide.
func (p *PackedQConv) takesTiles(pixels int) bool {
	return p.gemm != nil && p.depth%tileWidth == 0 && TakesTiles(max(tier, emulated), pixels, p.M, p.gemm.K)
}

// tiles packs rows windows from the first on.
func (w *qwindows) tiles(s *scratch, first, rows int) []uint8 {
	stride := len(w.taps) * w.depth * tileRows
	size := roundUp(rows, tileRows) / tileRows * stride
	s.u8 = grown(s.u8, size)
	if rows%tileRows > 0 {
		clear(s.u8[size-stride:])
	}
	for i := 0; i < rows; {
		y, x := (first+i)/w.ow, (first+i)%w.ow
		n := min(tileRows-i%tileRows, w.ow-x, rows-i) // pixels side by side in one row of tiles
		from, to := y*w.row+x*w.step, i/tileRows*stride+i%tileRows*tileWidth
		for _, tap := range w.taps {
			pack_tile_u8(s.u8[to:], w.image[from+int(tap):], w.step, n, w.depth, 0)
			to += w.depth * tileRows
		}
		i += n
	}
	return s.u8
}

// tiled computes rows rows of outputs of the band in tiles.
func (j *qconvJob) tiled(pool *Pool, rows int) {
	p, s := j.p, &j.s
	from, n := j.first*s.OW*p.M, rows*s.OW
	g := gemmU8S8{b: p.gemm, ldc: p.M, bias: j.bias, scale: j.scale, zp: j.zp, lo: j.lo, hi: j.hi, act: j.act,
		windows: qwindows{j.image, j.taps, p.depth, s.OW, s.StrideW * p.pitch, s.StrideH * j.pw * p.pitch}}
	switch to := from + n*p.M; {
	case j.s32 != nil:
		g.s32 = j.s32[from:to]
	case j.u8 != nil:
		g.u8 = j.u8[from:to]
	default:
		g.f32 = j.f32[from:to]
	}
	runU8S8(pool, g, n)
}
