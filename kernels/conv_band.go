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
	ahead, piece   int     // where the weights start that are to be fetched, and how many there are in each panel
	fetched        int     // of the pieces of the panels of a call together
	tiles          int     // to come in this segment, about
	finishing      bool    // this segment is the last, and something of the epilogue is left
	final          bool    // no other band follows with the same weights
	whole          bool    // no tap lies beside the image, whatever the pixel
}

// convTile is the width of the widest tile of pixels.
const convTile = 14

// convTile4 is the width of the widest tile of pixels by four output blocks.
const convTile4 = 6

// convTile1 is the width of the widest tile of pixels by one output block: all pixels in one tile read each weight once, from wherever it is.
const convTile1 = 16

// maxConvCall multiply-adds of 16 bound one assembly call, which cannot be preempted, to some 10 µs.
const maxConvCall = 60_000

// leastPace bytes of weights are fetched for each channel of a tile, where any are, and at most mostPace, a cache line.
const (
	leastPace = 16
	mostPace  = 64
)

// afterBand float32 of the output, about, go through what is left of the epilogue at a time: 256 KiB, which the second-level cache holds. With
// 24 KiB, depthwise convolutions begin a row so often that readers of text took 1.03 times as long and detectors 1.2 times.
const afterBand = 64 << 10

// run computes all segments, and what is left of the epilogue on what the last one has made.
func (c *convBand) run() {
	c.most, c.together = convTile, min(c.blocks, 2)
	switch {
	case c.p.depthwise:
		c.together = 1
	case c.images <= 1 && c.s.pointwise() && c.s.OH*c.s.OW <= convTile1:
		c.most, c.together = convTile1, 1
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
		if c.images > 1 {
			c.acrossImages(first, last)
			continue
		}
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
				c.multiply(c.list(y, x, n, first, last), first, last, convTiles{n, end - y, 0, (y*s.OW + x) * convLanes, s.StrideW * c.lanes, convLanes, s.StrideH * s.W * c.lanes, s.OW * convLanes})
				x += n
			}
			c.finish(y*s.OW, end*s.OW)
			y = end
		}
	}
	if c.images > 1 && c.after.activates() {
		c.activateImages()
	}
}

// finish applies what is left of the epilogue to pixels from…to−1 of all blocks, after their last segment.
func (c *convBand) finish(from, to int) {
	if !c.finishing {
		return
	}
	size := c.dplane
	for b := range c.blocks {
		c.after.Activate(c.dst[(b*size+from)*convLanes : (b*size+to)*convLanes])
	}
}

// plan notes which weights to fetch during a segment that ends before input block last: those of the next one, or of the next output
// blocks if they come next. On images of 7 × 7, weights are read once and take about as long to arrive as to multiply.
func (c *convBand) plan(last int) {
	segment, panel := c.p.segment(), c.p.panel()
	c.ahead, c.piece, c.fetched, c.tiles = 0, 0, 0, (c.end-c.y)*((c.s.OW+c.most-1)/c.most)
	if c.s.pointwise() {
		c.tiles = (min(c.end*convTile, c.s.OH*c.s.OW) - c.y*convTile + c.most - 1) / c.most
	}
	switch {
	case c.p.depthwise:
	case last < c.in:
		c.ahead = c.p.weight(last, 0)
		c.piece = c.panelEnd(last+segment) - c.ahead
	case c.final && len(c.w) >= (2*c.blocks)*panel:
		c.ahead, c.piece = c.blocks*panel, c.panelEnd(segment)
	}
}

// fetch returns what a call of so many channels in all, with panels panels, is to fetch: from where in w, how much there and how fast. It
// spreads them evenly: bursts keep the weights of the channels at hand waiting (16 tiles of Winograd's 256 channels: 0.75 times as fast).
func (c *convBand) fetch(channels, panels int) (ahead, left, pace int) {
	rest := panels*c.piece - c.fetched
	if rest <= 0 || channels == 0 {
		return 0, c.p.panel(), 0
	}
	pace = min(max((4*rest+channels-1)/channels, leastPace), mostPace)
	return c.ahead + c.fetched/c.piece*c.p.panel() + c.fetched%c.piece, c.piece - c.fetched%c.piece, pace
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
	list := c.places(first, last)
	c.spread(from, to, func(from, n, rows int) {
		c.multiply(list, first, last, convTiles{n, rows, from * c.lanes, from * convLanes, c.s.StrideW * c.lanes, convLanes, n * c.lanes, n * convLanes})
		c.finish(from, from+rows*n)
	})
}

// spread cuts from…to into the fewest tiles, as many of one more than the others as there are places left over.
func (c *convBand) spread(from, to int, f func(from, n, rows int)) {
	tiles := (to - from + c.most - 1) / c.most
	for tiles > 0 {
		n, rows := (to-from)/tiles, tiles
		if more := (to - from) % tiles; more > 0 {
			n, rows = n+1, more
		}
		if c.finishing {
			rows = min(rows, max(1, afterBand/(n*c.blocks*convLanes)))
		}
		f(from, n, rows)
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
	// Frames of sound are kernels of hundreds of columns.
	if c.whole = s.KW > 0 && s.DilationW > 0 && s.Left <= 0 && (s.OW-1)*s.StrideW-s.Left+(s.KW-1)*s.DilationW < s.W; c.whole {
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
	if c.whole {
		return end - x
	}
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

// beside reports whether the channels of taps that follow one another along a row, width of them, lie side by side, as their weights do.
func (c *convBand) beside(width int) bool {
	return c.s.DilationW == 1 && c.cols.step == 1 && width == c.lanes
}

// tapList is the number of taps that are listed, and their channels in all.
type tapList struct{ count, depth int }

// places lists the taps of input blocks first…last−1 of a pointwise convolution, for any pixels: one of each block.
func (c *convBand) places(first, last int) tapList {
	taps, l := c.taps[2*c.s.KW:], tapList{}
	for b := first; b < last; b++ {
		width := c.p.width(b)
		t := taps[4*l.count : 4*l.count+4]
		t[0], t[1], t[2], t[3] = int64(b*c.plane*c.lanes), int64(c.p.weight(b, c.rows.at(0)*c.p.KW+c.cols.at(0))), int64(width), 0
		l.count, l.depth = l.count+1, l.depth+width
	}
	return l
}

// list lists the taps of input blocks first…last−1 for n pixels from (y, x) on.
func (c *convBand) list(y, x, n, first, last int) tapList {
	s, taps := &c.s, c.taps[2*c.s.KW:]
	count, depth := 0, 0
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
			if c.whole && c.beside(width) { // all of a row in one
				t, n := taps[4*count:4*count+4], s.KW*width
				t[0] = int64((b*c.plane + iy*s.W + x*s.StrideW - s.Left) * c.lanes)
				t[1], t[2], t[3] = int64(c.p.weight(b, c.rows.at(ky)*c.p.KW+c.cols.from)), int64(n), 0
				count, depth = count+1, depth+n
				continue
			}
			open := false // the tap before can be continued
			for kx := range s.KW {
				lo, hi := 0, s.OW
				if !c.whole {
					lo, hi = int(c.taps[2*kx]), int(c.taps[2*kx+1])
				}
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
				t[0] = int64((b*c.plane + iy*s.W + x*s.StrideW - s.Left + kx*s.DilationW) * c.lanes)
				t[1], t[2], t[3] = int64(c.p.weight(b, c.rows.at(ky)*c.p.KW+c.cols.at(kx))), int64(width), int64(partial)
				open = partial == 0 && c.beside(width)
				count++
			}
		}
	}
	return tapList{count, depth}
}

// Flags of the convolution kernels.
const (
	convAdd      = 1 << iota // add to dst: not the first segment
	convBias                 // add the bias
	convResidual             // add the residual
	convClip                 // limit to lo…hi
)

// convTiles are rows tiles of n pixels that share their taps: pixels of the input and the output are step and dstep elements apart, tiles
// xrow and drow. The first begins at x of the input, beside what its taps say, and at dst of the output.
type convTiles struct{ n, rows, x, dst, step, dstep, xrow, drow int }

// multiply computes tiles from the taps listed.
func (c *convBand) multiply(list tapList, first, last int, t convTiles) {
	count, depth := list.count, list.depth
	flags := 0
	if last == c.in {
		flags = c.flags
	}
	if first > 0 {
		flags |= convAdd
	}
	size, panel := c.dplane*convLanes, c.p.panel()
	taps := c.taps[2*c.s.KW:][:4*count]
	limit := max(1, maxConvCall/max(1, t.n*depth*c.together))
	for r := 0; r < t.rows; r += limit {
		now := min(limit, t.rows-r)
		ahead, left, pace := c.fetch(depth*max(now, c.tiles), min(c.together, c.blocks))
		c.fetched += pace * depth * now / 4
		c.tiles -= now
		for b := 0; b < c.blocks; b += c.together {
			at := b*size + t.dst + r*t.drow
			var res []float32
			if flags&convResidual != 0 {
				res = c.res[at:]
			}
			in, dst, w, bias := c.x[min(b*c.xblock+t.x+r*t.xrow, len(c.x)):], c.dst[at:], c.w[b*panel:], c.bias[b*convLanes:]
			switch {
			case c.p.pool == maxPool:
				max_pool_f32(dst, in, w, bias, res, taps, count, t.step, t.n, now, t.xrow, t.drow, 0, size, flags, c.lo, c.hi)
			case c.p.depthwise:
				conv_depthwise_f32(dst, in, w, bias, res, taps, count, t.step, t.n, now, t.xrow, t.drow, 0, size, flags, c.lo, c.hi)
			default:
				conv_f32(dst, in, w, bias, res, taps, count, t.step, t.n, now, t.xrow, t.drow, t.dstep, min(c.together, c.blocks-b), panel, size, ahead, left, panel-c.piece,
					pace, flags, c.lo, c.hi)
			}
		}
	}
}
