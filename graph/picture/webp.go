package picture

import (
	"bytes"
	"errors"
	"image"

	"golang.org/x/image/webp"
)

// decodeWebP turns the planes of a lossy file into colours as libwebp does: samples of colour lie between four pixels, and both brightness
// and colour use a part of their range only (ITU-R BT.601). The standard library would take them for full.
func decodeWebP(dst, data []byte, height, width int) error {
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if b := m.Bounds(); b.Dx() != width || b.Dy() != height {
		return errors.New("another size than in the header")
	}
	switch m := m.(type) {
	case *image.YCbCr:
		webpColours(dst, m)
	case *image.NYCbCrA:
		webpColours(dst, &m.YCbCr)
	default:
		flatten(dst, m)
	}
	return nil
}

func webpColours(dst []byte, m *image.YCbCr) {
	height, width := m.Rect.Dy(), m.Rect.Dx()
	rows, columns := (height+1)/2, (width+1)/2
	cb, cr := make([]byte, width), make([]byte, width)
	for y := range height {
		near := y / 2 * m.CStride
		far := min(max(y/2-1+y%2*2, 0), rows-1) * m.CStride
		webpRow(cb, m.Cb[near:][:columns], m.Cb[far:][:columns])
		webpRow(cr, m.Cr[near:][:columns], m.Cr[far:][:columns])
		for x, luma := range m.Y[y*m.YStride:][:width] {
			l, u, v := int(luma)*19077>>8, int(cb[x]), int(cr[x])
			dst[0] = clamp((l + v*26149>>8 - 14234) >> 6)
			dst[1] = clamp((l - u*6419>>8 - v*13320>>8 + 8708) >> 6)
			dst[2] = clamp((l + u*33050>>8 - 17685) >> 6)
			dst = dst[3:]
		}
	}
}

// webpRow interpolates a row of colour from the rows of samples before and behind it: 9 parts of the nearest sample, 3 of its neighbours
// and 1 of the one across, the sum of the last three rounded first.
func webpRow(dst, near, far []byte) {
	for x := range dst {
		i := x / 2
		j := i - 1 + x%2*2
		if j < 0 || j >= len(near) {
			dst[x] = byte((3*int(near[i]) + int(far[i]) + 2) >> 2)
			continue
		}
		a, b, c, d := int(near[i]), int(near[j]), int(far[i]), int(far[j])
		dst[x] = byte((a + (a+b+c+d+8+2*(b+c))>>3) >> 1)
	}
}
