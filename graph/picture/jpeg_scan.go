package picture

import "errors"

// bitReader reads the entropy-coded bits of a scan, up to the next marker. err stays once it is set, and bits are 0 from then on.
type bitReader struct {
	data  []byte
	at    int
	bits  uint64 // the lowest count of them are unread
	count int
	err   error
}

// fill makes at least 16 bits readable unless a marker comes before.
func (r *bitReader) fill() {
	for r.count <= 48 && r.at < len(r.data) {
		b := r.data[r.at]
		if b == 0xff {
			if r.at+1 >= len(r.data) || r.data[r.at+1] != 0 {
				return
			}
			r.at++
		}
		r.at++
		r.bits, r.count = r.bits<<8|uint64(b), r.count+8
	}
}

// peek16 returns the next 16 bits, zeros behind the end.
func (r *bitReader) peek16() int {
	if r.count < 16 {
		if r.fill(); r.count < 16 {
			return int(r.bits<<(16-r.count)) & 0xffff
		}
	}
	return int(r.bits>>(r.count-16)) & 0xffff
}

func (r *bitReader) skip(n int) {
	if n > r.count {
		r.err = errShort
		r.count = 0
		return
	}
	r.count -= n
}

// take reads n ≤ 16 bits.
func (r *bitReader) take(n int) int {
	v := r.peek16() >> (16 - n)
	if r.skip(n); r.err != nil {
		return 0
	}
	return v
}

// signed reads a number of n bits in the form of T.81, F.1.2.1: the lower half of the range stands for negative numbers.
func (r *bitReader) signed(n int) int {
	if n > 15 {
		r.err = errors.New("a coefficient of more than 15 bits")
		return 0
	}
	if n == 0 {
		return 0
	}
	v := r.take(n)
	if v < 1<<(n-1) {
		v -= 1<<n - 1
	}
	return v
}

// pass is what a scan brings: coefficients first to last, from bit high (0: all) down to bit low.
type pass struct {
	first, last, high, low int
	run                    int // blocks that end without another coefficient
}

// scan reads one scan and returns how many bytes it took.
func (j *jpeg) scan(header, data []byte) (used int, err error) {
	if j.scans++; j.components == nil || j.scans > maxScans {
		return 0, errors.New("a scan without a frame, or too many of them")
	}
	if len(header) < 1 || len(header) < 4+2*int(header[0]) || header[0] < 1 || int(header[0]) > len(j.components) {
		return 0, errors.New("a broken scan header")
	}
	count := int(header[0])
	tail := header[1+2*count:]
	p := pass{int(tail[0]), int(tail[1]), int(tail[2] >> 4), int(tail[2] & 15), 0}
	if !j.progressive {
		p = pass{0, 63, 0, 0, 0}
	}
	if p.last > 63 || p.first > p.last || p.low > 13 || p.high != 0 && p.high != p.low+1 || j.progressive && (p.first == 0) != (p.last == 0) || p.first > 0 && count > 1 {
		return 0, errors.New("a broken scan header")
	}
	chosen := make([]*component, count)
	for i := range chosen {
		id, tables := int(header[1+2*i]), header[2+2*i]
		for k := range j.components {
			if j.components[k].id == id {
				chosen[i] = &j.components[k]
			}
		}
		c := chosen[i]
		if c == nil || tables>>4 > 3 || tables&15 > 3 {
			return 0, errors.New("a scan of a component that does not exist")
		}
		for _, other := range chosen[:i] {
			if other == c {
				return 0, errors.New("a scan of one component twice")
			}
		}
		c.dc, c.ac = j.huffman[0][tables>>4], j.huffman[1][tables&15]
		if p.first == 0 && p.high == 0 && c.dc == nil || p.last > 0 && c.ac == nil {
			return 0, errors.New("a Huffman table is missing")
		}
		c.predicted = 0
	}
	r := &bitReader{data: data}
	rows, columns := ceilDiv(j.height, 8*j.vMax), ceilDiv(j.width, 8*j.hMax)
	alone := count == 1
	if alone { // its own blocks, without those that fill up units
		rows, columns = ceilDiv(chosen[0].height, 8), ceilDiv(chosen[0].width, 8)
	}
	for unit := range rows * columns {
		if j.restart > 0 && unit > 0 && unit%j.restart == 0 {
			if err := r.resume(); err != nil {
				return 0, err
			}
			p.run = 0
			for _, c := range chosen {
				c.predicted = 0
			}
		}
		y, x := unit/columns, unit%columns
		for _, c := range chosen {
			if alone {
				j.block(r, c, &p, y*c.columns+x)
				continue
			}
			for i := range c.h * c.v {
				j.block(r, c, &p, (y*c.v+i/c.h)*c.columns+x*c.h+i%c.h)
			}
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	return r.at, nil
}

// resume goes on behind a restart marker.
func (r *bitReader) resume() error {
	r.bits, r.count = 0, 0
	if r.at+2 > len(r.data) || r.data[r.at] != 0xff || r.data[r.at+1]&^7 != 0xd0 {
		return errors.New("a restart marker is missing")
	}
	r.at += 2
	return nil
}

// block reads what a pass has of one block.
func (j *jpeg) block(r *bitReader, c *component, p *pass, index int) {
	b := (*[64]int16)(c.coefficients[64*index:])
	k := p.first
	if k == 0 {
		if p.high > 0 {
			b[0] |= int16(r.take(1) << p.low)
			return
		}
		c.predicted += r.signed(c.dc.symbol(r))
		b[0] = int16(c.predicted << p.low)
		k = 1
	}
	if p.high > 0 {
		p.refine(r, c.ac, b)
		return
	}
	if p.run > 0 {
		p.run--
		return
	}
	for k <= p.last && r.err == nil {
		s := c.ac.symbol(r)
		zeros, size := s>>4, s&15
		switch {
		case size > 0:
			if k += zeros; k > 63 {
				r.err = errors.New("a coefficient beyond its block")
				return
			}
			b[zigzag[k]] = int16(r.signed(size) << p.low)
			k++
		case zeros == 15:
			k += 16
		default:
			if zeros > 0 && !j.progressive {
				r.err = errors.New("a run of blocks in a picture of one pass")
				return
			}
			p.run = 1<<zeros + r.take(zeros) - 1
			return
		}
	}
}

// refine adds one bit to coefficients: those that are not 0 get it in passing, new ones are ±1 of it (T.81, G.1.2.3).
func (p *pass) refine(r *bitReader, ac *huffman, b *[64]int16) {
	one := int16(1) << p.low
	k := p.first
	if p.run == 0 {
		for ; k <= p.last && r.err == nil; k++ {
			s := ac.symbol(r)
			zeros, size := s>>4, s&15
			value := int16(0)
			switch {
			case size == 1:
				if value = -one; r.take(1) == 1 {
					value = one
				}
			case size > 1:
				r.err = errors.New("a new coefficient of more than a bit")
				return
			case zeros < 15:
				p.run = 1<<zeros + r.take(zeros)
			}
			if p.run > 0 {
				break
			}
			for ; k <= p.last; k++ {
				if v := &b[zigzag[k]]; *v != 0 {
					refineOne(r, v, one)
				} else if zeros--; zeros < 0 {
					break
				}
			}
			if value != 0 && k <= p.last {
				b[zigzag[k]] = value
			}
		}
	}
	if p.run > 0 {
		p.run--
		for ; k <= p.last; k++ {
			if v := &b[zigzag[k]]; *v != 0 {
				refineOne(r, v, one)
			}
		}
	}
}

// refineOne reads the bit of a coefficient that is not 0 and moves it away from 0.
func refineOne(r *bitReader, v *int16, one int16) {
	switch {
	case r.take(1) == 0:
	case *v > 0:
		*v += one
	default:
		*v -= one
	}
}
