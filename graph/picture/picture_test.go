package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// decoded is the result of Size and Decode together.
func decoded(data []byte) (pixels []byte, height, width int, err error) {
	if height, width, err = Size(data); err != nil {
		return nil, 0, 0, err
	}
	pixels = make([]byte, 3*height*width)
	return pixels, height, width, Decode(pixels, data)
}

// TestPixelsOfPillow compares with what Pillow 12 (libjpeg-turbo, libwebp) makes of the files in testdata, bit for bit.
func TestPixelsOfPillow(t *testing.T) {
	files := testdata(t)
	for name, data := range files {
		want, err := os.ReadFile(filepath.Join("testdata", name+".rgb"))
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := decoded(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: pixels differ", name)
		}
	}
}

func testdata(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	for _, pattern := range []string{"*.jpg", "*.webp"} {
		names, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(names) == 0 {
			t.Fatal("no test data ", pattern, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = data
		}
	}
	return files
}

// encoded is one small picture, and a translucent one, in the formats that the standard library writes.
func encoded(t testing.TB) (files map[string][]byte, want []byte) {
	files = map[string][]byte{}
	opaque, paletted := image.NewRGBA(image.Rect(0, 0, 3, 2)), image.NewPaletted(image.Rect(0, 0, 3, 2), nil)
	clear, deep, gray := image.NewNRGBA(image.Rect(0, 0, 3, 2)), image.NewNRGBA64(image.Rect(0, 0, 3, 2)), image.NewGray(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		c := color.NRGBA{uint8(40 * i), uint8(255 - 40*i), uint8(40 * i), 255}
		opaque.Set(i%3, i/3, c)
		paletted.Palette = append(paletted.Palette, c)
		paletted.SetColorIndex(i%3, i/3, uint8(i))
		deep.Set(i%3, i/3, c)
		gray.Set(i%3, i/3, color.Gray{c.R})
		want = append(want, c.R, c.G, c.B)
		c.A = uint8(i)
		clear.SetNRGBA(i%3, i/3, c)
	}
	put := func(name string, encode func(w io.Writer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		files[name] = b.Bytes()
	}
	put("png", func(w io.Writer) error { return png.Encode(w, opaque) })
	put("png paletted", func(w io.Writer) error { return png.Encode(w, paletted) })
	put("png clear", func(w io.Writer) error { return png.Encode(w, clear) })
	put("png deep", func(w io.Writer) error { return png.Encode(w, deep) })
	put("gif", func(w io.Writer) error { return gif.Encode(w, paletted, nil) })
	put("bmp", func(w io.Writer) error { return bmp.Encode(w, opaque) })
	put("tiff", func(w io.Writer) error { return tiff.Encode(w, opaque, &tiff.Options{Compression: tiff.Deflate}) })
	put("gray png", func(w io.Writer) error { return png.Encode(w, gray) })
	return files, want
}

func TestStandardFormats(t *testing.T) {
	files, want := encoded(t)
	for name, data := range files {
		got, height, width, err := decoded(data)
		if err != nil || height != 2 || width != 3 {
			t.Errorf("%s: %d rows of %d, %v", name, height, width, err)
			continue
		}
		expected := want
		if name == "gray png" {
			expected = nil
			for i := 0; i < len(want); i += 3 {
				expected = append(expected, want[i], want[i], want[i])
			}
		}
		if !bytes.Equal(got, expected) {
			t.Errorf("%s: %v, expected %v", name, got, expected)
		}
	}
}

var netpbm = map[string]struct {
	file string
	want []byte
}{
	"bits in text":  {"P1 # a comment\n2 2\n01\n1 0", []byte{255, 255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255}},
	"grey in text":  {"P2\n2 1 4\n0 2", []byte{0, 0, 0, 128, 128, 128}},
	"red in text":   {"P3 1 1 255 255 1 2", []byte{255, 1, 2}},
	"bits":          {"P4 1 2\n\x80\x00", []byte{0, 0, 0, 255, 255, 255}},
	"grey":          {"P5 1 1 255\n\x07", []byte{7, 7, 7}},
	"two bytes":     {"P5 1 1 65535\n\x80\x00", []byte{128, 128, 128}},
	"red":           {"P6 1 1 255\n\x01\x02\x03", []byte{1, 2, 3}},
	"too large":     {"P2 1 1 3 4", nil},
	"no number":     {"P2 1 x 3 4", nil},
	"ends early":    {"P6 1 1 255\n\x01\x02", nil},
	"no samples":    {"P5 1 1 255", nil},
	"nothing":       {"P5 0 1 255\n", nil},
	"largest of 0":  {"P5 1 1 0\n\x00", nil},
	"unknown digit": {"P9 1 1 255\n\x01\x02\x03", nil},
	"a bit of 2":    {"P1 1 1 2", nil},
}

func TestNetpbm(t *testing.T) {
	for name, c := range netpbm {
		got, _, _, err := decoded([]byte(c.file))
		switch {
		case c.want == nil && !errors.Is(err, ErrFormat):
			t.Errorf("%s: error %v", name, err)
		case c.want != nil && (err != nil || !bytes.Equal(got, c.want)):
			t.Errorf("%s: %v %v, expected %v", name, got, err, c.want)
		}
	}
}

// TestHugeSizes: a header is refused before memory is taken.
func TestHugeSizes(t *testing.T) {
	files, _ := encoded(t)
	patched := func(data []byte, at int, order binary.ByteOrder) []byte {
		data = bytes.Clone(data)
		order.PutUint32(data[at:], 1<<17)
		order.PutUint32(data[at+4:], 1<<17)
		return data
	}
	baseline := bytes.Clone(testdata(t)["baseline_420.jpg"])
	frame := bytes.Index(baseline, []byte{0xff, 0xc0})
	copy(baseline[frame+5:], "\xff\xff\xff\xff")
	for name, data := range map[string][]byte{
		"pnm": []byte("P6 100000 100000 255\n"), "bmp": patched(files["bmp"], 18, binary.LittleEndian), "jpeg": baseline,
		"gif": append([]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), 0),
	} {
		if _, _, err := Size(data); !errors.Is(err, ErrSize) {
			t.Errorf("%s: error %v, expected %v", name, err, ErrSize)
		}
		if err := Decode(nil, data); !errors.Is(err, ErrSize) {
			t.Errorf("%s: decoding: error %v, expected %v", name, err, ErrSize)
		}
	}
}

// TestBrokenFiles: whatever is cut off or changed, there is an error or a picture, and no panic.
func TestBrokenFiles(t *testing.T) {
	files, _ := encoded(t)
	for name, data := range testdata(t) {
		files[name] = data
	}
	for name, data := range files {
		for n := range data {
			if _, _, _, err := decoded(data[:n]); err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSize) {
				t.Errorf("%s, %d bytes: %v", name, n, err)
			}
		}
		for i := range data {
			b := bytes.Clone(data)
			b[i] ^= 0xff
			_, _, _, _ = decoded(b)
		}
	}
	if _, _, _, err := decoded([]byte("\xff\xd8\xff")); !errors.Is(err, ErrFormat) {
		t.Errorf("a start alone: %v", err)
	}
	if _, _, _, err := decoded(nil); !errors.Is(err, ErrFormat) {
		t.Errorf("nothing: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := encoded(f)
	for _, data := range files {
		f.Add(data)
	}
	for _, data := range testdata(f) {
		f.Add(data)
	}
	for _, c := range netpbm {
		f.Add([]byte(c.file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		height, width, err := Size(data)
		if err == nil && height*width <= 1<<16 { // larger ones only slow the search down
			err = Decode(make([]byte, 3*height*width), data)
		}
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSize) {
			t.Error(err)
		}
	})
}
