package picture

// transform is the inverse cosine transform of all blocks: products with integers of 13 bits of fraction, 2 of which stay between columns
// and rows, rounded half up.
func (c *component) transform(q *[64]uint16) {
	stride := 8 * c.columns
	c.samples = make([]byte, 8*c.rows*stride)
	var columns [64]int
	for i := range c.rows * c.columns {
		b := c.coefficients[64*i:][:64]
		for x := range 8 {
			var v [8]int
			for y := range v {
				v[y] = int(b[8*y+x]) * int(q[8*y+x])
			}
			cosine8(&v, 11)
			for y, s := range v {
				columns[8*y+x] = s
			}
		}
		to := c.samples[i/c.columns*8*stride+i%c.columns*8:]
		for y := range 8 {
			v := (*[8]int)(columns[8*y:])
			cosine8(v, 18)
			for x, s := range v {
				to[y*stride+x] = clamp(s + 128)
			}
		}
	}
}

// cosine8 is the inverse transform of 8 numbers, shifted right. The factors are sums of those of Loeffler, Ligtenberg and Moschytz
// (1989), rounded to 13 bits one by one: 4433 is √2·cos 6π/16.
func cosine8(v *[8]int, shift int) {
	sum, difference := (v[0]+v[4])<<13, (v[0]-v[4])<<13
	low, high := 10703*v[2]+4433*v[6], 4433*v[2]-10704*v[6]
	even := [4]int{sum + low, difference + high, difference - high, sum - low}
	odd := [4]int{
		11363*v[1] + 9633*v[3] + 6437*v[5] + 2260*v[7],
		9633*v[1] - 2259*v[3] - 11362*v[5] - 6436*v[7],
		6437*v[1] - 11362*v[3] + 2261*v[5] + 9633*v[7],
		2260*v[1] - 6436*v[3] + 9633*v[5] - 11363*v[7],
	}
	half := 1 << (shift - 1)
	for i := range 4 {
		v[i], v[7-i] = (even[i]+odd[i]+half)>>shift, (even[i]-odd[i]+half)>>shift
	}
}

func clamp(v int) byte { return byte(min(max(v, 0), 255)) }

// colours writes the picture row by row.
func (j *jpeg) colours(dst []byte) error {
	rows := make([][]byte, len(j.components))
	for i := range rows {
		rows[i] = make([]byte, j.width)
	}
	sums := make([]int, (j.width+1)/2)
	ycc := len(rows) == 3 && j.adobe != 0 && (j.adobe > 0 || j.jfif || !j.namedRGB()) || len(rows) == 4 && j.adobe == 2
	for y := range j.height {
		for i := range rows {
			j.components[i].row(rows[i], sums, y, j.hMax, j.vMax)
		}
		for x := range j.width {
			var p [3]byte
			switch {
			case len(rows) == 1:
				p[0] = rows[0][x]
				p[1], p[2] = p[0], p[0]
			case ycc:
				p = fromYCC(int(rows[0][x]), int(rows[1][x])-128, int(rows[2][x])-128)
			default:
				p = [3]byte{rows[0][x], rows[1][x], rows[2][x]}
			}
			if len(rows) == 4 { // light is what ink leaves; Adobe's files hold it instead of ink
				black := int(rows[3][x])
				if j.adobe < 0 {
					black = 255 - black
				}
				for i, v := range p {
					light := int(v)
					if ycc || j.adobe < 0 {
						light = 255 - light
					}
					p[i] = byte((light*black + 127) / 255)
				}
			}
			copy(dst, p[:])
			dst = dst[3:]
		}
	}
	return nil
}

// namedRGB reports whether the components are called R, G and B.
func (j *jpeg) namedRGB() bool {
	return j.components[0].id == 'R' && j.components[1].id == 'G' && j.components[2].id == 'B'
}

// fromYCC is the matrix of JFIF in 16 bits of fraction.
func fromYCC(y, cb, cr int) [3]byte {
	const half = 1 << 15
	return [3]byte{
		clamp(y + (91881*cr+half)>>16),
		clamp(y + (-22554*cb-46802*cr+half)>>16),
		clamp(y + (116130*cb+half)>>16),
	}
}

// row writes row y of the picture. Samples at half the density are interpolated: 3 parts of the nearer one and 1 of the next, rounded up
// and down in turn.
func (c *component) row(dst []byte, sums []int, y, hMax, vMax int) {
	stride, h, v := 8*c.columns, hMax/c.h, vMax/c.v
	line := func(i int) []byte { return c.samples[min(max(i, 0), c.height-1)*stride:][:c.width] }
	near := line(y / v)
	far := line(y/v - 1 + y%v*2) // of two rows, the other neighbour of the picture's row
	switch {
	case h == 1 && v == 2:
		for x := range dst {
			dst[x] = byte((3*int(near[x]) + int(far[x]) + 1 + y%2) >> 2)
		}
	case h == 2 && v == 1 && c.width > 2:
		between(dst, near, func(i int) int { return int(near[i]) }, 1, 2, 2)
	case h == 2 && v == 2 && c.width > 2:
		for i := range near {
			sums[i] = 3*int(near[i]) + int(far[i])
		}
		between(dst, near, func(i int) int { return sums[i] }, 8, 7, 4)
	default:
		for x := range dst {
			dst[x] = near[x/h]
		}
	}
}

// between writes two pixels for every sample: 1 part of the one before and 3 of it, then 3 of it and 1 of the one behind.
func between(dst, samples []byte, at func(i int) int, roundLeft, roundRight, shift int) {
	last := len(samples) - 1
	for x := range dst {
		i := x / 2
		other, round := max(i-1, 0), roundLeft
		if x%2 == 1 {
			other, round = min(i+1, last), roundRight
		}
		dst[x] = byte((3*at(i) + at(other) + round) >> shift)
	}
}
