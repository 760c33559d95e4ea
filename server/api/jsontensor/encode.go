package jsontensor

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Style is how tensors are written.
type Style struct {
	Comma     string // between the elements of a list
	PointZero bool   // whole floats end in .0 (TensorFlow Serving)
	NonFinite bool   // NaN and Infinity as bare words; null otherwise
	Bytes     bool   // strings as {"b64": "…"}
}

// Append writes the elements of t from axis on, starting at element at, as nested lists. It returns the next element.
func (s *Style) Append(dst []byte, t *tensor.Tensor, axis, at int) ([]byte, int) {
	if axis >= len(t.Shape) {
		return s.element(dst, t, at), at + 1
	}
	dst = append(dst, '[')
	for i := range t.Shape[axis] {
		if i > 0 {
			dst = append(dst, s.Comma...)
		}
		dst, at = s.Append(dst, t, axis+1, at)
	}
	return append(dst, ']'), at
}

// AppendRows writes a list with one entry per row of t: a number where a row is one value, else nested lists.
func (s *Style) AppendRows(dst []byte, t *tensor.Tensor) []byte {
	dst = append(dst, '[')
	if len(t.Shape) == 0 {
		dst, _ = s.Append(dst, t, 0, 0)
		return append(dst, ']')
	}
	axis := 1
	if rows := t.Shape[0]; rows > 0 && t.Len() == rows {
		axis = len(t.Shape) // one value per row: no list around it
	}
	at := 0
	for i := range t.Shape[0] {
		if i > 0 {
			dst = append(dst, s.Comma...)
		}
		dst, at = s.Append(dst, t, axis, at)
	}
	return append(dst, ']')
}

func (s *Style) element(dst []byte, t *tensor.Tensor, i int) []byte {
	switch t.DType {
	case tensor.Float32:
		return s.Float(dst, float64(tensor.Data[float32](t)[i]), 32)
	case tensor.Float64:
		return s.Float(dst, tensor.Data[float64](t)[i], 64)
	case tensor.Int64:
		return strconv.AppendInt(dst, tensor.Data[int64](t)[i], 10)
	case tensor.Int32:
		return strconv.AppendInt(dst, int64(tensor.Data[int32](t)[i]), 10)
	case tensor.Int8:
		return strconv.AppendInt(dst, int64(tensor.Data[int8](t)[i]), 10)
	case tensor.Uint8:
		return strconv.AppendUint(dst, uint64(tensor.Data[uint8](t)[i]), 10)
	case tensor.Int16:
		return strconv.AppendInt(dst, int64(tensor.Data[int16](t)[i]), 10)
	case tensor.Uint16:
		return strconv.AppendUint(dst, uint64(tensor.Data[uint16](t)[i]), 10)
	case tensor.Uint32:
		return strconv.AppendUint(dst, uint64(tensor.Data[uint32](t)[i]), 10)
	case tensor.Uint64:
		return strconv.AppendUint(dst, tensor.Data[uint64](t)[i], 10)
	case tensor.Float16:
		return s.Float(dst, float64(tensor.Data[tensor.F16](t)[i].Float32()), 32)
	case tensor.BFloat16:
		return s.Float(dst, float64(tensor.Data[tensor.BF16](t)[i].Float32()), 32)
	case tensor.Bool:
		return strconv.AppendBool(dst, tensor.Data[bool](t)[i])
	case tensor.String:
		if s.Bytes {
			dst = append(dst, `{"b64": "`...)
			dst = base64.StdEncoding.AppendEncode(dst, []byte(t.Strings[i]))
			return append(dst, `"}`...)
		}
		return AppendString(dst, t.Strings[i])
	}
	return append(dst, "null"...)
}

// Float writes the shortest text that reads back as v at the given precision in bits.
func (s *Style) Float(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		switch {
		case !s.NonFinite:
			return append(dst, "null"...)
		case v > 0:
			return append(dst, "Infinity"...)
		case v < 0:
			return append(dst, "-Infinity"...)
		}
		return append(dst, "NaN"...)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, v, 'g', -1, bits)
	if s.PointZero && !bytes.ContainsAny(dst[from:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// AppendString writes s as a JSON string that is safe inside HTML too. Invalid UTF-8 becomes the replacement
// character.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	if plainText(s) {
		return append(append(dst, s...), '"')
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < 0x20 || r == '<' || r == '>' || r == '&' || r == 0x7f:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// plainText reports whether a JSON string that is safe inside HTML holds s as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
