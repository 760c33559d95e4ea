package tfserving

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// dataTypes are TensorFlow's names of element types.
var dataTypes = map[tensor.DType]tensorflow.DataType{
	tensor.Float32: tensorflow.DataType_DT_FLOAT, tensor.Float64: tensorflow.DataType_DT_DOUBLE,
	tensor.Float16: tensorflow.DataType_DT_HALF, tensor.BFloat16: tensorflow.DataType_DT_BFLOAT16,
	tensor.Int8: tensorflow.DataType_DT_INT8, tensor.Int16: tensorflow.DataType_DT_INT16,
	tensor.Int32: tensorflow.DataType_DT_INT32, tensor.Int64: tensorflow.DataType_DT_INT64,
	tensor.Uint8: tensorflow.DataType_DT_UINT8, tensor.Uint16: tensorflow.DataType_DT_UINT16,
	tensor.Uint32: tensorflow.DataType_DT_UINT32, tensor.Uint64: tensorflow.DataType_DT_UINT64,
	tensor.Bool: tensorflow.DataType_DT_BOOL, tensor.String: tensorflow.DataType_DT_STRING,
}

// DType is the element type of a name such as DT_FLOAT.
func DType(name string) (tensor.DType, bool) {
	for d, t := range dataTypes {
		if t.String() == name {
			return d, true
		}
	}
	return 0, false
}

// maxRank is the largest number of axes of a tensor.
const maxRank = 8

// room is how many bytes a request may still make the server hold for values that it did not send: the last value of a
// TensorProto stands for all that follow, and features of a context for those of every example.
type room int64

const fullRoom room = 64 << 20

// take takes n values of a dtype. Errors wrap graph.ErrLimit.
func (r *room) take(n int, d tensor.DType) error {
	size := valueSize(d)
	if n > int(*r)/size {
		return server.Fail(graph.ErrLimit, "the request leaves out %d values that others stand for, more than fit in %d bytes", n, fullRoom)
	}
	*r -= room(n * size)
	return nil
}

// valueSize is the memory of an element; of text, that of its header.
func valueSize(d tensor.DType) int {
	if d == tensor.String {
		return 16
	}
	return d.Size()
}

// reader reads one TensorProto into a tensor.
type reader struct {
	t     *tensor.Tensor
	name  string
	shape []int
	n     int // elements of shape
	room  *room
}

// readTensor copies p into t, whose dtype it must have. Nothing is reserved for elements that the message has no values
// for, but what r allows. Errors wrap graph.ErrInput or graph.ErrLimit.
func readTensor(t *tensor.Tensor, name string, p *tensorflow.TensorProto, r *room) error {
	want, ok := dataTypes[t.DType]
	switch {
	case !ok:
		return server.Fail(graph.ErrUnsupported, "input %s has the type %s, which TensorFlow does not know", name, t.DType)
	case p.GetDtype() != want:
		return server.Fail(graph.ErrInput, "input %s: expected %s, found %s", name, want, p.GetDtype())
	}
	f := reader{t: t, name: name, room: r}
	if err := f.readShape(p.GetTensorShape()); err != nil {
		return err
	}
	if len(p.TensorContent) > 0 {
		if t.DType == tensor.String {
			return f.texts(p.TensorContent)
		}
		return f.content(p.TensorContent)
	}
	switch t.DType {
	case tensor.Float32:
		return fill(&f, p.FloatVal, same[float32])
	case tensor.Float64:
		return fill(&f, p.DoubleVal, same[float64])
	case tensor.Float16:
		return fill(&f, p.HalfVal, narrow[tensor.F16])
	case tensor.BFloat16:
		return fill(&f, p.HalfVal, narrow[tensor.BF16])
	case tensor.Int8:
		return fill(&f, p.IntVal, narrow[int8])
	case tensor.Int16:
		return fill(&f, p.IntVal, narrow[int16])
	case tensor.Int32:
		return fill(&f, p.IntVal, same[int32])
	case tensor.Int64:
		return fill(&f, p.Int64Val, same[int64])
	case tensor.Uint8:
		return fill(&f, p.IntVal, narrow[uint8])
	case tensor.Uint16:
		return fill(&f, p.IntVal, narrow[uint16])
	case tensor.Uint32:
		return fill(&f, p.Uint32Val, same[uint32])
	case tensor.Uint64:
		return fill(&f, p.Uint64Val, same[uint64])
	case tensor.Bool:
		return fill(&f, p.BoolVal, same[bool])
	}
	if err := f.admit(len(p.StringVal)); err != nil {
		return err
	}
	last := ""
	for i := range t.Strings {
		if i < len(p.StringVal) {
			last = string(p.StringVal[i])
		}
		t.Strings[i] = last
	}
	return nil
}

func (f *reader) readShape(s *tensorflow.TensorShapeProto) error {
	if s.GetUnknownRank() || len(s.GetDim()) > maxRank {
		return server.Fail(graph.ErrInput, "input %s: expected a shape of at most %d axes", f.name, maxRank)
	}
	for i, d := range s.GetDim() {
		if d.GetSize() < 0 || d.GetSize() > math.MaxInt32 {
			return server.Fail(graph.ErrInput, "input %s: axis %d has the size %d", f.name, i, d.GetSize())
		}
		f.shape = append(f.shape, int(d.GetSize()))
	}
	n, ok := tensor.Elements(f.shape)
	if !ok {
		return server.Fail(graph.ErrInput, "input %s: shape %v has too many elements", f.name, f.shape)
	}
	f.n = n
	return nil
}

// admit makes room for the elements, of which the message has the first given ones.
func (f *reader) admit(given int) error {
	if given > f.n {
		return server.Fail(graph.ErrInput, "input %s: %d values for the %d elements of shape %v", f.name, given, f.n, f.shape)
	}
	if err := f.room.take(f.n-given, f.t.DType); err != nil {
		return err
	}
	f.t.Resize(f.shape...)
	return nil
}

// content reads elements as their bytes.
func (f *reader) content(b []byte) error {
	if size := f.t.DType.Size(); f.n != len(b)/size || len(b)%size != 0 {
		return server.Fail(graph.ErrInput, "input %s: tensor_content of %d bytes for the %d elements of shape %v", f.name, len(b), f.n, f.shape)
	}
	f.t.Resize(f.shape...)
	copy(f.t.Bytes, b)
	if f.t.DType == tensor.Bool { // any other byte would be no value of Go's bool
		for i, v := range f.t.Bytes {
			f.t.Bytes[i] = min(v, 1)
		}
	}
	return nil
}

// texts reads text as bytes: the lengths of all elements as varints, then the elements (DecodeStringList of
// tensorflow/core/platform/tensor_coding.cc).
func (f *reader) texts(b []byte) error {
	if f.n > len(b) {
		return server.Fail(graph.ErrInput, "input %s: tensor_content of %d bytes for the %d elements of shape %v", f.name, len(b), f.n, f.shape)
	}
	if err := f.admit(min(f.n, len(b)/valueSize(tensor.String))); err != nil {
		return err
	}
	lengths, rest := b, b
	for i := range f.n {
		_, size := binary.Uvarint(rest)
		if size <= 0 {
			return server.Fail(graph.ErrInput, "input %s: tensor_content has no length for element %d", f.name, i)
		}
		rest = rest[size:]
	}
	for i := range f.n {
		length, size := binary.Uvarint(lengths)
		lengths = lengths[size:]
		if length > uint64(len(rest)) {
			return server.Fail(graph.ErrInput, "input %s: element %d is longer than the %d bytes that are left", f.name, i, len(rest))
		}
		f.t.Strings[i], rest = string(rest[:length]), rest[length:]
	}
	if len(rest) > 0 {
		return server.Fail(graph.ErrInput, "input %s: %d bytes behind its last element", f.name, len(rest))
	}
	return nil
}

// fill copies values; the last stands for the elements that follow it, zero where there is none.
func fill[T tensor.Numeric, V any](f *reader, values []V, convert func(V) (T, bool)) error {
	if err := f.admit(len(values)); err != nil {
		return err
	}
	data := tensor.Data[T](f.t)
	var last T
	for i, v := range values {
		x, ok := convert(v)
		if !ok {
			return server.Fail(graph.ErrInput, "input %s: value %d is %v, which %s cannot hold", f.name, i, v, dataTypes[f.t.DType])
		}
		data[i], last = x, x
	}
	for i := len(values); i < f.n; i++ {
		data[i] = last
	}
	return nil
}

func same[T any](v T) (T, bool) { return v, true }

// narrow converts from the type in which messages hold small ones.
func narrow[T int8 | int16 | uint8 | uint16 | tensor.F16 | tensor.BF16](v int32) (T, bool) {
	x := T(v)
	return x, int32(x) == v
}

// tensorOf is t with its elements in the field of its dtype, as TensorFlow Serving answers: clients read that field.
func tensorOf(t *tensor.Tensor) *tensorflow.TensorProto {
	p := &tensorflow.TensorProto{Dtype: dataTypes[t.DType], TensorShape: &tensorflow.TensorShapeProto{}}
	for _, d := range t.Shape {
		p.TensorShape.Dim = append(p.TensorShape.Dim, &tensorflow.TensorShapeProto_Dim{Size: int64(d)})
	}
	switch t.DType {
	case tensor.Float32:
		p.FloatVal = slices.Clone(tensor.Data[float32](t))
	case tensor.Float64:
		p.DoubleVal = slices.Clone(tensor.Data[float64](t))
	case tensor.Float16:
		p.HalfVal = widen(tensor.Data[tensor.F16](t))
	case tensor.BFloat16:
		p.HalfVal = widen(tensor.Data[tensor.BF16](t))
	case tensor.Int8:
		p.IntVal = widen(tensor.Data[int8](t))
	case tensor.Int16:
		p.IntVal = widen(tensor.Data[int16](t))
	case tensor.Int32:
		p.IntVal = slices.Clone(tensor.Data[int32](t))
	case tensor.Int64:
		p.Int64Val = slices.Clone(tensor.Data[int64](t))
	case tensor.Uint8:
		p.IntVal = widen(tensor.Data[uint8](t))
	case tensor.Uint16:
		p.IntVal = widen(tensor.Data[uint16](t))
	case tensor.Uint32:
		p.Uint32Val = slices.Clone(tensor.Data[uint32](t))
	case tensor.Uint64:
		p.Uint64Val = slices.Clone(tensor.Data[uint64](t))
	case tensor.Bool:
		p.BoolVal = slices.Clone(tensor.Data[bool](t))
	case tensor.String:
		for _, s := range t.Strings {
			p.StringVal = append(p.StringVal, []byte(s))
		}
	}
	return p
}

func widen[T int8 | int16 | uint8 | uint16 | tensor.F16 | tensor.BF16](values []T) []int32 {
	wide := make([]int32, len(values))
	for i, v := range values {
		wide[i] = int32(v)
	}
	return wide
}
