package jsontensor

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/hotpath/hotpath/graph/tensor"
)

// number reads the number at the cursor.
func (d *Decoder) number() (n number, ok bool) {
	n = scanNumber(d.data, d.pos)
	if n.end == 0 {
		return n, d.noNumber()
	}
	d.pos = n.end
	return n, true
}

// noNumber fails with what stands where a number should, always false.
func (d *Decoder) noNumber() bool {
	if c := d.peek(); c-'0' < 10 || c == '-' && !d.infinite() {
		return d.failSyntax("a malformed number")
	}
	return d.unexpected("a number")
}

func (d *Decoder) infinite() bool { return d.pos+1 < len(d.data) && d.data[d.pos+1] == 'I' }

// nonFinite reads NaN, Infinity or -Infinity where the wire format has them.
func (d *Decoder) nonFinite() (v float64, ok bool) {
	switch {
	case !d.opt.NonFinite:
		return 0, false
	case d.word("NaN"):
		return math.NaN(), true
	case d.word("Infinity"):
		return math.Inf(1), true
	case d.word("-Infinity"):
		return math.Inf(-1), true
	}
	return 0, false
}

// float32 reads a number; NaN for null where missing values are allowed.
func (d *Decoder) float32(missing bool) (float32, bool) {
	if c := d.peek(); c > '9' || d.opt.NonFinite && c == '-' {
		if missing && d.word("null") {
			return float32(math.NaN()), true
		}
		if v, ok := d.nonFinite(); ok {
			return float32(v), true
		}
	}
	n, ok := d.number()
	if !ok {
		return 0, false
	}
	v, ok := n.float32(d.data)
	if !ok {
		return 0, d.fail("the number " + cut(n.text(d.data)) + " is out of the range of float32")
	}
	return v, true
}

// element reads one value into element i of t, whose storage reaches that far.
func (d *Decoder) element(t *tensor.Tensor, i int, missing bool) bool {
	switch t.DType {
	case tensor.Float32:
		v, ok := d.float32(missing)
		tensor.Data[float32](t)[i] = v
		return ok
	case tensor.Float64:
		v, ok := d.float64(missing)
		tensor.Data[float64](t)[i] = v
		return ok
	case tensor.Int64:
		v, ok := d.int(math.MinInt64, math.MaxInt64)
		tensor.Data[int64](t)[i] = v
		return ok
	case tensor.Int32:
		v, ok := d.int(math.MinInt32, math.MaxInt32)
		tensor.Data[int32](t)[i] = int32(v)
		return ok
	case tensor.Int8:
		v, ok := d.int(math.MinInt8, math.MaxInt8)
		tensor.Data[int8](t)[i] = int8(v)
		return ok
	case tensor.Uint8:
		v, ok := d.int(0, math.MaxUint8)
		tensor.Data[uint8](t)[i] = uint8(v)
		return ok
	case tensor.Int16:
		v, ok := d.int(math.MinInt16, math.MaxInt16)
		tensor.Data[int16](t)[i] = int16(v)
		return ok
	case tensor.Uint16:
		v, ok := d.int(0, math.MaxUint16)
		tensor.Data[uint16](t)[i] = uint16(v)
		return ok
	case tensor.Uint32:
		v, ok := d.int(0, math.MaxUint32)
		tensor.Data[uint32](t)[i] = uint32(v)
		return ok
	case tensor.Uint64:
		v, ok := d.uint64()
		tensor.Data[uint64](t)[i] = v
		return ok
	case tensor.Float16:
		v, ok := d.float32(missing)
		h := tensor.ToF16(v)
		tensor.Data[tensor.F16](t)[i] = h
		return ok && d.fits(v, h.Float32(), "float16")
	case tensor.BFloat16:
		v, ok := d.float32(missing)
		h := tensor.ToBF16(v)
		tensor.Data[tensor.BF16](t)[i] = h
		return ok && d.fits(v, h.Float32(), "bfloat16")
	case tensor.Bool:
		v, ok := d.bool()
		tensor.Data[bool](t)[i] = v
		return ok
	case tensor.String:
		v, ok := d.string(missing)
		t.Strings[i] = v
		return ok
	}
	return d.fail("the model's input has no dtype")
}

func (d *Decoder) float64(missing bool) (float64, bool) {
	if missing && d.word("null") {
		return math.NaN(), true
	}
	if v, ok := d.nonFinite(); ok {
		return v, true
	}
	n, ok := d.number()
	if !ok {
		return 0, false
	}
	v, ok := n.float64(d.data)
	if !ok {
		return 0, d.fail("the number " + cut(n.text(d.data)) + " is out of the range of float64")
	}
	return v, true
}

func (d *Decoder) int(lo, hi int64) (int64, bool) {
	n, ok := d.number()
	if !ok {
		return 0, false
	}
	v, ok := n.int(lo, hi)
	if !ok {
		return 0, d.fail("expected a whole number from " + strconv.FormatInt(lo, 10) + " to " +
			strconv.FormatInt(hi, 10) + ", found " + cut(n.text(d.data)))
	}
	return v, true
}

func (d *Decoder) uint64() (uint64, bool) {
	n, ok := d.number()
	if !ok {
		return 0, false
	}
	v, ok := n.uint64(d.data)
	if !ok {
		return 0, d.fail("expected a whole number from 0 to 18446744073709551615, found " + cut(n.text(d.data)))
	}
	return v, true
}

// fits fails where a finite number was rounded to an infinite one.
func (d *Decoder) fits(v, rounded float32, dtype string) bool {
	if math.IsInf(float64(rounded), 0) && !math.IsInf(float64(v), 0) {
		return d.fail("the number " + strconv.FormatFloat(float64(v), 'g', -1, 32) + " is out of the range of " + dtype)
	}
	return true
}

func (d *Decoder) bool() (v, ok bool) {
	switch {
	case d.word("true"):
		return true, true
	case d.word("false"):
		return false, true
	}
	return false, d.unexpected("true or false")
}

// string reads a string that views the body; "" for null where missing values are allowed.
func (d *Decoder) string(missing bool) (string, bool) {
	if missing && d.word("null") {
		return "", true
	}
	var s []byte
	ok := false
	if d.opt.Base64 && d.peek() == '{' {
		s, ok = d.base64Object()
	} else {
		s, ok = d.text()
	}
	return unsafe.String(unsafe.SliceData(s), len(s)), ok
}

// fill writes the value that stands for a missing one into element i.
func fill(t *tensor.Tensor, i int) {
	switch t.DType {
	case tensor.Float32:
		tensor.Data[float32](t)[i] = float32(math.NaN())
	case tensor.Float64:
		tensor.Data[float64](t)[i] = math.NaN()
	case tensor.Float16:
		tensor.Data[tensor.F16](t)[i] = tensor.ToF16(float32(math.NaN()))
	case tensor.BFloat16:
		tensor.Data[tensor.BF16](t)[i] = tensor.ToBF16(float32(math.NaN()))
	case tensor.String:
		t.Strings[i] = ""
	}
}

// reserve makes room for n elements, keeping those there. It at least doubles the storage, so a tensor costs no more
// than twice what its elements need.
func reserve(t *tensor.Tensor, n int) {
	if t.DType == tensor.String {
		if n > cap(t.Strings) {
			grown := make([]string, n, max(n, 2*cap(t.Strings)))
			copy(grown, t.Strings)
			t.Strings = grown
		}
		t.Strings = t.Strings[:n]
		return
	}
	size := n * t.DType.Size()
	if size > cap(t.Bytes) {
		grown := tensor.AlignedBytes(max(size, 2*cap(t.Bytes)))
		copy(grown, t.Bytes)
		t.Bytes = grown
	}
	t.Bytes = t.Bytes[:size]
}
