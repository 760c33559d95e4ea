package picture

import (
	"errors"
	"fmt"
)

// JPEG by ITU-T T.81: baseline, extended and progressive, Huffman-coded, 8 bits, 1, 3 or 4 components. The standard library's decoder
// reaches other pixels: transform, upsampling and colours here are those of libjpeg's default ("islow", "fancy"), bit for bit, which the
// operator's definition asks for and which networks are trained with.
type jpeg struct {
	data          []byte
	height, width int
	progressive   bool
	components    []component
	hMax, vMax    int
	quantizers    [4]*[64]uint16
	huffman       [2][4]*huffman // for DC and AC coefficients
	restart       int            // units between restart markers; 0: none
	adobe         int            // colour transform of the Adobe segment, −1 where there is none
	jfif          bool
	scans         int
}

type component struct {
	id, h, v      int // sampling factors
	quantizer     int
	height, width int // samples
	rows, columns int // blocks, whole units of all components
	coefficients  []int16
	samples       []byte // rows·8 rows of columns·8
	predicted     int    // DC coefficient of the block before
	dc, ac        *huffman
}

// maxScans bounds the passes over a progressive picture; encoders make about 10.
const maxScans = 64

var errUnsupported = errors.New("a kind of JPEG that is not supported")

func jpegSize(data []byte) (height, width int, err error) {
	j := jpeg{data: data}
	err = j.segments(true)
	return j.height, j.width, err
}

func decodeJPEG(dst, data []byte, height, width int) error {
	j := jpeg{data: data}
	if err := j.segments(false); err != nil {
		return err
	}
	if j.scans == 0 || j.height != height || j.width != width {
		return errShort
	}
	for i := range j.components {
		c := &j.components[i]
		if j.quantizers[c.quantizer] == nil {
			return errors.New("a quantisation table is missing")
		}
		c.transform(j.quantizers[c.quantizer])
	}
	return j.colours(dst)
}

// segments reads markers and what belongs to them, up to the frame header or to the end.
func (j *jpeg) segments(sizeOnly bool) error {
	j.adobe = -1
	at := 2
	for {
		// Bytes between segments are skipped.
		for at < len(j.data) && j.data[at] != 0xff {
			at++
		}
		for at < len(j.data) && j.data[at] == 0xff {
			at++
		}
		if at >= len(j.data) {
			if j.scans > 0 {
				return nil // the end marker is missing
			}
			return errShort
		}
		marker := j.data[at]
		at++
		switch {
		case marker == 0xd9:
			return nil
		case marker == 0, marker == 1, marker >= 0xd0 && marker <= 0xd8:
			continue // without a length
		}
		if at+2 > len(j.data) {
			return errShort
		}
		end := at + int(j.data[at])<<8 + int(j.data[at+1])
		if end < at+2 || end > len(j.data) {
			return errShort
		}
		body := j.data[at+2 : end]
		at = end
		var err error
		switch {
		case marker == 0xc0, marker == 0xc1, marker == 0xc2:
			j.progressive = marker == 0xc2
			if err = j.frame(body, sizeOnly); err == nil && sizeOnly {
				return nil
			}
		case marker == 0xc4:
			err = j.huffmanTables(body)
		case marker >= 0xc3 && marker <= 0xcf && marker != 0xc8:
			err = errUnsupported
		case marker == 0xdb:
			err = j.quantizerTables(body)
		case marker == 0xdd && len(body) >= 2:
			j.restart = int(body[0])<<8 | int(body[1])
		case marker == 0xda && !sizeOnly:
			var used int
			used, err = j.scan(body, j.data[at:])
			at += used
		case marker == 0xe0:
			j.jfif = j.jfif || len(body) >= 5 && string(body[:5]) == "JFIF\x00"
		case marker == 0xee && len(body) >= 12 && string(body[:5]) == "Adobe":
			j.adobe = int(body[11])
		}
		if err != nil {
			return err
		}
	}
}

// frame reads the size and the components, and makes room for coefficients.
func (j *jpeg) frame(body []byte, sizeOnly bool) error {
	if len(body) < 6 || j.components != nil {
		return errors.New("a broken frame header")
	}
	j.height, j.width = int(body[1])<<8|int(body[2]), int(body[3])<<8|int(body[4])
	count := int(body[5])
	if body[0] != 8 || count != 1 && count != 3 && count != 4 || j.height == 0 {
		return errUnsupported
	}
	if j.width == 0 || len(body) < 6+3*count {
		return errors.New("a broken frame header")
	}
	if sizeOnly {
		return nil
	}
	if j.height > MaxPixels/j.width {
		return ErrSize
	}
	for i := range count {
		b := body[6+3*i:]
		c := component{id: int(b[0]), h: int(b[1] >> 4), v: int(b[1] & 15), quantizer: int(b[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quantizer > 3 {
			return errors.New("a broken component")
		}
		j.hMax, j.vMax = max(j.hMax, c.h), max(j.vMax, c.v)
		j.components = append(j.components, c)
	}
	if count == 1 { // its factors mean nothing
		j.components[0].h, j.components[0].v, j.hMax, j.vMax = 1, 1, 1, 1
	}
	for i := range j.components {
		c := &j.components[i]
		if j.hMax%c.h != 0 || j.vMax%c.v != 0 {
			return errUnsupported
		}
		c.height, c.width = ceilDiv(j.height*c.v, j.vMax), ceilDiv(j.width*c.h, j.hMax)
		c.rows, c.columns = ceilDiv(j.height, 8*j.vMax)*c.v, ceilDiv(j.width, 8*j.hMax)*c.h
		c.coefficients = make([]int16, 64*c.rows*c.columns)
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func (j *jpeg) quantizerTables(body []byte) error {
	for len(body) > 0 {
		size, id := 1+int(body[0]>>4), body[0]&15
		if size > 2 || id > 3 || len(body) < 1+64*size {
			return errors.New("a broken quantisation table")
		}
		table := new([64]uint16)
		for k, at := range zigzag {
			v := uint16(body[1+k*size])
			if size == 2 {
				v = v<<8 | uint16(body[2+k*size])
			}
			table[at] = v
		}
		j.quantizers[id] = table
		body = body[1+64*size:]
	}
	return nil
}

// zigzag is where in a block the k-th coefficient of a file lies: along its diagonals.
var zigzag = func() (order [64]uint8) {
	k := 0
	for d := range 15 {
		for i := max(0, d-7); i <= min(d, 7); i++ {
			row, column := i, d-i
			if d%2 == 0 {
				row, column = column, row
			}
			order[k] = uint8(8*row + column)
			k++
		}
	}
	return order
}()

// huffman is a table of codes of up to 16 bits.
type huffman struct {
	symbols []byte
	// Of the codes of every length: the first one beyond them, shifted to 16 bits, and the distance from a code to its symbol's index.
	limit  [17]int
	offset [17]int
	fast   [256]uint16 // by the next 8 bits: length<<8 | symbol; 0 for longer codes
}

func (j *jpeg) huffmanTables(body []byte) error {
	for len(body) > 0 {
		class, id := body[0]>>4, body[0]&15
		if class > 1 || id > 3 || len(body) < 17 {
			return errors.New("a broken Huffman table")
		}
		counts, h := body[1:17], new(huffman)
		code, total := 0, 0
		for i, count := range counts {
			length := i + 1
			h.offset[length] = total - code
			code, total = code+int(count), total+int(count)
			if code > 1<<length {
				return errors.New("a broken Huffman table")
			}
			h.limit[length] = code << (16 - length)
			code <<= 1
		}
		if len(body) < 17+total || total > 256 {
			return errors.New("a broken Huffman table")
		}
		h.symbols = append([]byte(nil), body[17:17+total]...)
		for bits := range h.fast {
			for length := 1; length <= 8; length++ {
				if bits<<8 < h.limit[length] {
					h.fast[bits] = uint16(length)<<8 | uint16(h.symbols[h.offset[length]+bits>>(8-length)])
					break
				}
			}
		}
		j.huffman[class][id] = h
		body = body[17+total:]
	}
	return nil
}

// symbol reads the next code.
func (h *huffman) symbol(r *bitReader) int {
	next := r.peek16()
	if f := h.fast[next>>8]; f != 0 {
		r.skip(int(f >> 8))
		return int(f & 0xff)
	}
	for length := 9; length <= 16; length++ {
		if next < h.limit[length] {
			r.skip(length)
			return int(h.symbols[h.offset[length]+next>>(16-length)])
		}
	}
	r.err = fmt.Errorf("bits %016b are no Huffman code", next)
	return 0
}
