package kernels

// across reports whether tiles are made of the same pixel of several images, all of which go through a job at once: rows of up to 6 pixels, as
// spectrograms of short frames have, fill no tile, and the edges of each image have taps of their own.
func (p *PackedConv) across(s *ConvShape, batch int) bool {
	pixels := s.OW
	if s.pointwise() {
		pixels *= s.OH
	}
	return pixels <= convTile4 && batch > convTile4 && !p.depthwise && p.winograd == nil
}

// acrossGrid is the grid of several images: pairs of blocks by bands of images, as many as there is room for lists of taps. A unit is convTile
// images.
func (p *PackedConv) acrossGrid(s *ConvShape, images, room int) convGrid {
	g := p.gridOf(s, 2)
	g.units = (images + convTile - 1) / convTile
	work := float64(convTile*s.OH*s.OW) * float64(p.C/p.Groups*p.KH*p.KW) * float64(g.blocks*convLanes)
	bands := min(max(1, room/p.tapInts()/(g.groups*g.runs)), g.units)
	g.rows = max(int(min(bandWork/max(work, 1)+1, float64(g.units))), (g.units+bands-1)/bands)
	g.bands = (g.units + g.rows - 1) / g.rows
	return g
}

// acrossImages computes a segment of the band's images.
func (c *convBand) acrossImages(first, last int) {
	rows, cols := c.s.OH, c.s.OW
	if c.s.pointwise() {
		rows, cols = 1, rows*cols
	}
	for y := range rows {
		for x := range cols {
			list, at := tapList{}, 0
			if c.s.pointwise() {
				list, at = c.places(first, last), x*c.lanes
			} else {
				list = c.list(y, x, 1, first, last)
			}
			c.spread(c.y*convTile, min(c.end*convTile, c.images), func(from, n, tiles int) {
				c.multiply(list, first, last, convTiles{n, tiles, from*c.ximage + at, from*c.dimage + (y*c.s.OW+x)*convLanes,
					c.ximage, c.dimage, n * c.ximage, n * c.dimage})
			})
		}
	}
}

// activateImages does what the kernel leaves to do.
func (c *convBand) activateImages() {
	for i := c.y * convTile; i < min(c.end*convTile, c.images); i++ {
		c.after.Activate(c.dst[i*c.dimage:][:c.blocks*c.s.OH*c.s.OW*convLanes])
	}
}
