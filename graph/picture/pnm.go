package picture

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// A netpbm file is a letter P with a digit, width, height and, except for bitmaps, the largest sample, all in text; samples follow in text
// (P1 to P3) or as bytes (P4 to P6): bits, grey, or red, green and blue.
type pnm struct {
	kind          byte
	height, width int
	largest       int
	rest          []byte
}

// readPNM reads the header.
func readPNM(data []byte) (p pnm, err error) {
	if p.kind = data[1]; p.kind < '1' || p.kind > '6' {
		return p, fmt.Errorf("kind %q", data[:2])
	}
	p.rest, p.largest = data[2:], 1
	if p.width, err = p.number(); err == nil {
		p.height, err = p.number()
	}
	if err == nil && p.kind != '1' && p.kind != '4' {
		p.largest, err = p.number()
	}
	if err == nil && (p.largest < 1 || p.largest > 0xffff) {
		err = fmt.Errorf("samples up to %d", p.largest)
	}
	return p, err
}

// space skips white space and comments.
func (p *pnm) space() {
	for {
		p.rest = bytes.TrimLeft(p.rest, " \t\n\v\f\r")
		if len(p.rest) == 0 || p.rest[0] != '#' {
			return
		}
		_, p.rest, _ = bytes.Cut(p.rest, []byte("\n"))
	}
}

func (p *pnm) number() (int, error) {
	p.space()
	digits := 0
	for digits < len(p.rest) && digits < 9 && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		digits++
	}
	v, err := strconv.Atoi(string(p.rest[:digits]))
	p.rest = p.rest[digits:]
	return v, err
}

func pnmSize(data []byte) (height, width int, err error) {
	p, err := readPNM(data)
	return p.height, p.width, err
}

func decodePNM(dst, data []byte, height, width int) error {
	p, err := readPNM(data)
	if err != nil {
		return err
	}
	sample := p.text
	if p.kind >= '4' {
		if len(p.rest) == 0 {
			return errShort
		}
		p.rest = p.rest[1:] // one white space
		sample = p.binary
	}
	channels, bits := 1, p.kind == '1' || p.kind == '4'
	if p.kind == '3' || p.kind == '6' {
		channels = 3
	}
	var current int
	for i := range height * width {
		for c := range channels {
			var v int
			switch x := i % width; {
			case p.kind == '4':
				if x%8 == 0 {
					if current, err = p.binary(); err != nil {
						return err
					}
				}
				v = current >> (7 - x%8) & 1
			case p.kind == '1':
				v, err = p.bit()
			default:
				v, err = sample()
			}
			if err != nil {
				return err
			}
			if v > p.largest {
				return fmt.Errorf("a sample of %d, the largest is %d", v, p.largest)
			}
			if v = (v*255 + p.largest/2) / p.largest; bits {
				v = 255 - v // 1 is black
			}
			if dst[3*i+c] = byte(v); channels == 1 {
				dst[3*i+1], dst[3*i+2] = byte(v), byte(v)
			}
		}
	}
	return nil
}

var errShort = errors.New("the file ends too early")

func (p *pnm) text() (int, error) { return p.number() }

// bit reads a digit of a bitmap in text, where none needs to be set apart.
func (p *pnm) bit() (int, error) {
	p.space()
	if len(p.rest) == 0 {
		return 0, errShort
	}
	v := int(p.rest[0]) - '0'
	p.rest = p.rest[1:]
	if v != 0 && v != 1 {
		return 0, errors.New("a bit that is neither 0 nor 1")
	}
	return v, nil
}

// binary reads a byte, or two where the largest sample needs them.
func (p *pnm) binary() (int, error) {
	size := 1
	if p.largest > 0xff {
		size = 2
	}
	if len(p.rest) < size {
		return 0, errShort
	}
	v := int(p.rest[0])
	if size == 2 {
		v = v<<8 | int(p.rest[1])
	}
	p.rest = p.rest[size:]
	return v, nil
}
