// Package npy reads and writes NumPy's .npy arrays and .npz archives of them (NEP 1, format versions 1 to 3). Arrays of
// Python objects are refused: they are pickles.
package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const (
	magic          = "\x93NUMPY"
	maxHeaderBytes = 64 << 10
	maxDims        = 8
	// MaxBytes is the most memory one array may take.
	MaxBytes = 2 << 30
)

// descr maps NumPy's type strings to dtypes. Text ("<U…") is handled apart: its width is part of the string.
var descr = map[string]tensor.DType{
	"<f2": tensor.Float16, "<i2": tensor.Int16, "<u2": tensor.Uint16, "<u4": tensor.Uint32, "<u8": tensor.Uint64,
	"<f4": tensor.Float32, "<f8": tensor.Float64, "|u1": tensor.Uint8, "|i1": tensor.Int8,
	"<i4": tensor.Int32, "<i8": tensor.Int64, "|b1": tensor.Bool,
}

// Read decodes one array in C order. Errors wrap graph.ErrFormat, ErrUnsupported or ErrLimit.
func Read(r io.Reader) (*tensor.Tensor, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	n, ok := tensor.Elements(h.shape)
	if !ok || n > MaxBytes/h.itemSize {
		return nil, fmt.Errorf("npy: shape %v of %s: %w", h.shape, h.descr, graph.ErrLimit)
	}
	// The data is read as it comes, so a header that promises more than the file holds costs what the file holds.
	raw, err := io.ReadAll(io.LimitReader(r, int64(n*h.itemSize)))
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if len(raw) != n*h.itemSize {
		return nil, formatErr("%d bytes of data, expected %d for shape %v of %s", len(raw), n*h.itemSize, h.shape, h.descr)
	}
	if h.dtype == tensor.String {
		return tensor.OfStrings(decodeText(raw, n, h.itemSize), h.shape...), nil
	}
	t := tensor.New(h.dtype, h.shape...)
	copy(t.Bytes, raw)
	return t, nil
}

// decodeText reads NumPy's fixed-width UTF-32 strings, padded with NUL.
func decodeText(raw []byte, n, itemSize int) []string {
	texts := make([]string, n)
	for i := range texts {
		var runes []rune
		for item := raw[i*itemSize : (i+1)*itemSize]; len(item) > 0; item = item[4:] {
			r := rune(binary.LittleEndian.Uint32(item))
			if r == 0 {
				break
			}
			runes = append(runes, r)
		}
		texts[i] = string(runes)
	}
	return texts
}

type header struct {
	descr    string
	dtype    tensor.DType
	itemSize int
	shape    []int
}

func formatErr(format string, args ...any) error {
	return fmt.Errorf("npy: %s: %w", fmt.Sprintf(format, args...), graph.ErrFormat)
}

func readHeader(r io.Reader) (h header, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:6]) != magic {
		return h, formatErr("the file does not start with %q", magic)
	}
	size := 0
	switch version := head[6]; version {
	case 1:
		var n [2]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return h, formatErr("the header is cut off")
		}
		size = int(binary.LittleEndian.Uint16(n[:]))
	case 2, 3:
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return h, formatErr("the header is cut off")
		}
		size = int(binary.LittleEndian.Uint32(n[:]))
	default:
		return h, fmt.Errorf("npy: format version %d, expected 1 to 3: %w", version, graph.ErrUnsupported)
	}
	if size > maxHeaderBytes {
		return h, fmt.Errorf("npy: a header of %d bytes, expected at most %d: %w", size, maxHeaderBytes, graph.ErrLimit)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, formatErr("the header is cut off")
	}
	return parseHeader(string(text))
}

// parseHeader reads the header's Python dictionary literal with the three keys NumPy writes.
func parseHeader(text string) (h header, err error) {
	h.descr, err = quoted(text, "'descr':")
	if err != nil {
		return h, err
	}
	order := after(text, "'fortran_order':")
	if !strings.HasPrefix(order, "False") {
		if strings.HasPrefix(order, "True") {
			return h, fmt.Errorf("npy: an array in Fortran order: %w", graph.ErrUnsupported)
		}
		return h, formatErr("the header lacks fortran_order")
	}
	shape := after(text, "'shape':")
	end := strings.IndexByte(shape, ')')
	if !strings.HasPrefix(shape, "(") || end < 0 {
		return h, formatErr("the header lacks a shape")
	}
	for _, d := range strings.Split(shape[1:end], ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		v, err := strconv.ParseInt(d, 10, 48)
		if err != nil || v < 0 || len(h.shape) == maxDims {
			return h, formatErr("shape (%s), expected at most %d sizes", shape[1:end], maxDims)
		}
		h.shape = append(h.shape, int(v))
	}
	if width, ok := strings.CutPrefix(h.descr, "<U"); ok {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w > 1<<20 {
			return h, formatErr("text of type %q", h.descr)
		}
		h.dtype, h.itemSize = tensor.String, 4*w
		return h, nil
	}
	if h.dtype = descr[h.descr]; h.dtype == tensor.Invalid {
		return h, fmt.Errorf("npy: elements of type %q: %w", h.descr, graph.ErrUnsupported)
	}
	h.itemSize = h.dtype.Size()
	return h, nil
}

func after(text, key string) string {
	_, rest, _ := strings.Cut(text, key)
	return strings.TrimSpace(rest)
}

func quoted(text, key string) (string, error) {
	rest := after(text, key)
	if !strings.HasPrefix(rest, "'") {
		return "", formatErr("the header's %s is not text", key)
	}
	value, _, ok := strings.Cut(rest[1:], "'")
	if !ok {
		return "", formatErr("the header's %s is cut off", key)
	}
	return value, nil
}

// Write encodes t as format version 1.
func Write(w io.Writer, t *tensor.Tensor) error {
	code, data := "", t.Bytes
	if t.DType == tensor.String {
		width := 1
		for _, s := range t.Strings {
			width = max(width, len([]rune(s)))
		}
		code = "<U" + strconv.Itoa(width)
		data = make([]byte, 4*width*len(t.Strings))
		for i, s := range t.Strings {
			for j, r := range []rune(s) {
				binary.LittleEndian.PutUint32(data[4*(i*width+j):], uint32(r))
			}
		}
	} else {
		for c, d := range descr {
			if d == t.DType {
				code = c
			}
		}
	}
	dims := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = strconv.Itoa(d)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", code, shape)
	const fixed = len(magic) + 2 + 2 + 1 // with the closing newline; the data starts at a multiple of 64
	text += strings.Repeat(" ", (64-(fixed+len(text))%64)%64) + "\n"
	var head bytes.Buffer
	head.WriteString(magic)
	head.Write([]byte{1, 0})
	head.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(text))))
	head.WriteString(text)
	if _, err := w.Write(head.Bytes()); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}
