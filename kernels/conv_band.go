package kernels

// convBand is a band of one, two or four output blocks of one group, or of a run of depthwise blocks.
type convBand struct {
	*convJob
	x, w, dst, res []float32 // from the group's first input block and the first output block on
	bias           [depthwiseRun * convLanes]float32
	blocks, in     int     // of output, and of input to each
	xblock         int     // elements between the inputs of two output blocks: 0 where they share them
	y, end         int     // units
	taps           []int64 // (offset in x, in w, channels, which of the outer pixels lack it), room for one segment
	most, together int     // pixels of a tile, blocks of a call
	ahead, behind  int     // where in a panel the weights start and end that are still to be fetched
	tiles          int     // to come in this segment, about
	finishing      bool    // this segment is the last, and something of the epilogue is left
	final          bool    // no other band follows with the same weights
}

// convTile is the width of the widest tile of pixels.
const convTile = 14

// convTile4 is the width of the widest tile of pixels by four output blocks.
const convTile4 = 6

// maxConvCall multiply-adds of 16 bound one assembly call, which cannot be preempted, to some 10 µs.
const maxConvCall = 60_000

// mostLines bounds the cache lines that a tap fetches of each panel.
const mostLines = 8

// afterBand float32 of the output, about, go through what is left of the epilogue at a time: 256 KiB, which the second-level cache holds. With
// 24 KiB, depthwise convolutions begin a row so often that readers of text took 1.03 times as long and detectors 1.2 times.
const afterBand = 64 << 10

// run computes all segments, and what is left of the epilogue on what the last one has made.
func (c *convBand) run() {
	c.most, c.together = convTile, min(c.blocks, 2)
	switch {
	case c.p.depthwise:
		c.together = 1
	case c.blocks == 4:
		c.most, c.together = convTile4, 4
	}
	if narrowConv() {
		c.most, c.together = 6, 1
	}
	s, segment := &c.s, c.p.segment()
	c.columns()
	top, bottom := 0, s.OH // rows that lack no tap
	for ky := range s.KH {
		lo, hi := inside(s.H, s.OH, s.StrideH, s.Top-ky*s.DilationH)
		top, bottom = max(top, lo), min(bottom, hi)
	}
	for first := 0; first < c.in; first += segment {
		last := min(first+segment, c.in)
		c.plan(last)
		c.finishing = last == c.in && c.after.activates()
		rows := c.end
		if c.finishing {
			rows = max(1, afterBand/(s.OW*c.blocks*convLanes))
		}
		if s.pointwise() {
			c.pixels(first, last)
			continue
		}
		for y := c.y; y < c.end; {
			end := y + 1 // rows y…end−1 miss the same taps
			if y >= top && y < bottom {
				end = min(bottom, c.end, y+rows)
			}
			for x := 0; x < s.OW; {
				n := c.tile(x)
				c.call(y, x, n, end-y, s.StrideH*s.W*c.lanes, s.OW*convLanes, first, last)
				x += n
			}
			c.finish(y*s.OW, end*s.OW)
			y = end
		}
	}
}

// finish applies what is left of the epilogue to pixels from…to−1 of all blocks, after their last segment.
func (c *convBand) finish(from, to int) {
	if !c.finishing {
		return
	}
	size := c.s.OH * c.s.OW
	for b := range c.blocks {
		c.after.Activate(c.dst[(b*size+from)*convLanes : (b*size+to)*convLanes])
	}
}

// plan notes which weights to fetch during a segment that ends before input block last: those of the next one, or of the next output
// blocks if they come next. On images of 7 × 7, weights are read once and take about as long to arrive as to multiply.
func (c *convBand) plan(last int) {
	segment, panel := c.p.segment(), c.p.panel()
	c.ahead, c.behind, c.tiles = 0, 0, (c.end-c.y)*((c.s.OW+c.most-1)/c.most)
	if c.s.pointwise() {
		c.tiles = (min(c.end*convTile, c.s.OH*c.s.OW) - c.y*convTile + c.most - 1) / c.most
	}
	switch {
	case c.p.depthwise:
	case last < c.in:
		c.ahead, c.behind = c.p.weight(last, 0), c.panelEnd(last+segment)
	case c.final && len(c.w) >= (2*c.blocks)*panel:
		c.ahead, c.behind = c.blocks*panel, c.blocks*panel+c.panelEnd(segment)
	}
}

// panelEnd is where the weights of the input blocks before block b end.
func (c *convBand) panelEnd(b int) int {
	if b >= c.in {
		return c.p.panel()
	}
	return c.p.weight(b, 0)
}

// pixels computes the band of a pointwise convolution: tiles lie one after another, like rows.
func (c *convBand) pixels(first, last int) {
	from, to := c.y*convTile, min(c.end*convTile, c.s.OH*c.s.OW)
	tiles := (to - from + c.most - 1) / c.most
	for tiles > 0 { // as many of one more pixel as there are pixels left over
		n, rows := (to-from)/tiles, tiles
		if more := (to - from) % tiles; more > 0 {
			n, rows = n+1, more
		}
		if c.finishing {
			rows = min(rows, max(1, afterBand/(n*c.blocks*convLanes)))
		}
		c.call(0, from, n, rows, n*c.lanes, n*convLanes, first, last)
		c.finish(from, from+rows*n)
		from, tiles = from+rows*n, tiles-rows
	}
}

// inside returns the range of outputs along an axis whose tap, before places before their own, lies inside the image.
func inside(size, out, stride, before int) (lo, hi int) {
	lo = max(0, min((before+stride-1)/stride, out))
	if room := size - 1 + before; room >= 0 {
		hi = min(room/stride+1, out)
	}
	return lo, max(lo, hi)
}

// columns notes for each column of the kernel the range of outputs whose tap lies inside the image.
func (c *convBand) columns() {
	s := &c.s
	if s.pointwise() {
		c.taps[0], c.taps[1] = 0, int64(s.H*s.W)
		return
	}
	for kx := range s.KW {
		lo, hi := inside(s.W, s.OW, s.StrideW, s.Left-kx*s.DilationW)
		c.taps[2*kx], c.taps[2*kx+1] = int64(lo), int64(hi)
	}
}

// tile returns the number of pixels of the tile from x on: as many as let every tap cover all of them, all but the first or last, or none.
func (c *convBand) tile(x int) int {
	left := c.s.OW - x
	tiles := (left + c.most - 1) / c.most
	end := x + (left+tiles-1)/tiles
	for kx := range c.s.KW {
		lo, hi := int(c.taps[2*kx]), int(c.taps[2*kx+1])
		if lo > x+1 {
			end = min(end, lo)
		}
		if hi > x {
			end = min(end, hi+1)
		}
	}
	return end - x
}

// list writes the taps of input blocks first…last−1 for n pixels from (y, x) on, and returns their number and their channels in all.
func (c *convBand) list(y, x, n, first, last int) (count, depth int) {
	s, taps := &c.s, c.taps[2*c.s.KW:]
	pixels := s.W
	if s.pointwise() {
		pixels = s.H * s.W
	}
	for b := first; b < last; b++ {
		width := 1
		if !c.p.depthwise {
			width = c.p.width(b)
		}
		for ky := range s.KH {
			iy := y*s.StrideH - s.Top + ky*s.DilationH
			if iy < 0 || iy >= s.H {
				continue
			}
			open := false // the tap before can be continued: its channels and these lie side by side
			for kx := range s.KW {
				lo, hi := int(c.taps[2*kx]), int(c.taps[2*kx+1])
				if lo >= hi || lo >= x+n || hi <= x {
					open = false
					continue
				}
				depth += width
				partial := 0
				if lo > x {
					partial = 1
				}
				if hi < x+n {
					partial |= 2
				}
				if open && partial == 0 {
					taps[4*count-2] += int64(width)
					continue
				}
				t := taps[4*count : 4*count+4]
				t[0] = int64(((b*s.H+iy)*s.W + x*s.StrideW - s.Left + kx*s.DilationW) * c.lanes)
				if pixels != s.W {
					t[0] = int64((b*pixels + x) * c.lanes)
				}
				t[1], t[2], t[3] = int64(c.p.weight(b, c.rows.at(ky)*c.p.KW+c.cols.at(kx))), int64(width), int64(partial)
				open = partial == 0 && s.DilationW == 1 && c.cols.step == 1 && width == c.lanes
				count++
			}
		}
	}
	return count, depth
}

// Flags of the convolution kernels.
const (
	convAdd      = 1 << iota // add to dst: not the first segment
	convBias                 // add the bias
	convResidual             // add the residual
	convClip                 // limit to lo…hi
)

// call computes a tile of n pixels from (y, x) on and of those below it, rows in all: xrow elements of the input and drow of the output
// apart.
func (c *convBand) call(y, x, n, rows, xrow, drow, first, last int) {
	count, depth := c.list(y, x, n, first, last)
	flags := 0
	if last == c.in {
		flags = c.flags
	}
	if first > 0 {
		flags |= convAdd
	}
	size, panel, step := c.s.OH*c.s.OW*convLanes, c.p.panel(), c.s.StrideW*c.lanes
	taps, from := c.taps[2*c.s.KW:][:4*count], (y*c.s.OW+x)*convLanes
	limit := max(1, maxConvCall/max(1, n*depth*c.together))
	for r := 0; r < rows; r += limit {
		now, ahead, lines := min(limit, rows-r), c.ahead, 0
		if left := (c.behind - ahead) / convLanes; left > 0 && count > 0 {
			taps := count * max(1, c.tiles)
			lines = min((left+taps-1)/taps, mostLines)
			c.ahead += lines * count * now * convLanes
		}
		c.tiles -= now
		for b := 0; b < c.blocks; b += c.together {
			at := b*size + from + r*drow
			var res []float32
			if flags&convResidual != 0 {
				res = c.res[at:]
			}
			in, dst, w, bias := c.x[min(b*c.xblock+r*xrow, len(c.x)):], c.dst[at:], c.w[b*panel:], c.bias[b*convLanes:]
			switch {
			case c.p.pool == maxPool:
				max_pool_f32(dst, in, w, bias, res, taps, count, step, n, now, xrow, drow, 0, size, flags, c.lo, c.hi)
			case c.p.depthwise:
				conv_depthwise_f32(dst, in, w, bias, res, taps, count, step, n, now, xrow, drow, 0, size, flags, c.lo, c.hi)
			default:
				conv_f32(dst, in, w, bias, res, taps, count, step, n, now, xrow, drow, min(c.together, c.blocks-b), panel, size, ahead, lines, flags, c.lo, c.hi)
			}
		}
	}
}
