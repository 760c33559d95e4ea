// Package picture decodes images in files' formats to rows of red, green and blue bytes. It imports nothing of hotpath.
//
// Files are untrusted: the size that a header declares is checked before anything of that size is allocated, and what is broken is an
// error that wraps ErrFormat.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// The errors of this package.
var (
	ErrFormat = errors.New("not a picture that can be decoded")
	ErrSize   = errors.New("picture too large")
)

// MaxPixels bounds the pixels of a picture: decoders hold up to 8 bytes for each beside the result.
const MaxPixels = 1 << 25

// format is one kind of file. decode gets a file whose size is known and small enough.
type format struct {
	name   string
	magic  string // "?" stands for any byte
	size   func(data []byte) (height, width int, err error)
	decode func(dst, data []byte, height, width int) error
}

var formats = []format{
	{"png", "\x89PNG\r\n\x1a\n", standardSize(png.DecodeConfig), standard(png.Decode)},
	{"jpeg", "\xff\xd8\xff", jpegSize, decodeJPEG},
	{"gif", "GIF8?a", standardSize(gif.DecodeConfig), standard(gif.Decode)},
	{"bmp", "BM????\x00\x00\x00\x00", standardSize(bmp.DecodeConfig), standard(bmp.Decode)},
	{"tiff", "II\x2a\x00", standardSize(tiff.DecodeConfig), standard(tiff.Decode)},
	{"tiff", "MM\x00\x2a", standardSize(tiff.DecodeConfig), standard(tiff.Decode)},
	{"webp", "RIFF????WEBPVP8", standardSize(webp.DecodeConfig), decodeWebP},
	{"pnm", "P?", pnmSize, decodePNM},
}

// find returns the format of data.
func find(data []byte) (*format, error) {
	for i := range formats {
		f := &formats[i]
		if len(data) < len(f.magic) {
			continue
		}
		matches := true
		for j, c := range []byte(f.magic) {
			matches = matches && (c == '?' || c == data[j])
		}
		if matches {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%d bytes of no known format: %w", len(data), ErrFormat)
}

// Size reads the height and width that a file declares, which are positive and at most MaxPixels together.
func Size(data []byte) (height, width int, err error) {
	f, err := find(data)
	if err != nil {
		return 0, 0, err
	}
	height, width, err = f.size(data)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %w", f.name, err, ErrFormat)
	}
	if height < 1 || width < 1 {
		return 0, 0, fmt.Errorf("%s: %d rows of %d pixels: %w", f.name, height, width, ErrFormat)
	}
	if height > MaxPixels/width {
		return 0, 0, fmt.Errorf("%s: %d rows of %d pixels, expected at most %d: %w", f.name, height, width, MaxPixels, ErrSize)
	}
	return height, width, nil
}

// Decode writes the pixels of a file to dst, 3 bytes for each of the height × width that Size gives, without transparency. Samples of 16
// bits lose their lower half; of several pictures the first one counts.
func Decode(dst, data []byte) (err error) {
	defer func() { // decoders outside of this repository read what strangers send
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v: %w", r, ErrFormat)
		}
	}()
	height, width, err := Size(data)
	if err != nil {
		return err
	}
	if len(dst) != 3*height*width {
		return fmt.Errorf("%d bytes for %d rows of %d pixels: %w", len(dst), height, width, ErrSize)
	}
	f, err := find(data)
	if err != nil {
		return err
	}
	if err := f.decode(dst, data, height, width); err != nil {
		return fmt.Errorf("%s: %w: %w", f.name, err, ErrFormat)
	}
	return nil
}

func standardSize(config func(io.Reader) (image.Config, error)) func([]byte) (int, int, error) {
	return func(data []byte) (height, width int, err error) {
		c, err := config(bytes.NewReader(data))
		return c.Height, c.Width, err
	}
}

func standard(decode func(io.Reader) (image.Image, error)) func(dst, data []byte, height, width int) error {
	return func(dst, data []byte, height, width int) error {
		m, err := decode(bytes.NewReader(data))
		if err != nil {
			return err
		}
		b := m.Bounds()
		if b.Dx() != width || b.Dy() != height {
			return fmt.Errorf("%d rows of %d pixels, the header has %d of %d", b.Dy(), b.Dx(), height, width)
		}
		flatten(dst, m)
		return nil
	}
}

// flatten drops transparency: colours are those that lie under it.
func flatten(dst []byte, m image.Image) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.NRGBA:
		flattenRows(dst, m.Pix, m.Stride, b)
		return
	case *image.RGBA:
		if m.Opaque() {
			flattenRows(dst, m.Pix, m.Stride, b)
			return
		}
	case *image.Paletted:
		var table [256][3]byte
		for i, c := range m.Palette {
			if v := color.NRGBAModel.Convert(c).(color.NRGBA); i < len(table) {
				table[i] = [3]byte{v.R, v.G, v.B}
			}
		}
		for y := range b.Dy() {
			for _, p := range m.Pix[y*m.Stride:][:b.Dx()] {
				copy(dst, table[p][:])
				dst = dst[3:]
			}
		}
		return
	case *image.Gray:
		for y := range b.Dy() {
			for _, v := range m.Pix[y*m.Stride:][:b.Dx()] {
				dst[0], dst[1], dst[2] = v, v, v
				dst = dst[3:]
			}
		}
		return
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			dst[0], dst[1], dst[2] = c.R, c.G, c.B
			dst = dst[3:]
		}
	}
}

// flattenRows takes 3 bytes of every 4.
func flattenRows(dst, pix []byte, stride int, b image.Rectangle) {
	for y := range b.Dy() {
		row := pix[y*stride:][:4*b.Dx()]
		for ; len(row) > 0; row = row[4:] {
			copy(dst, row[:3])
			dst = dst[3:]
		}
	}
}
