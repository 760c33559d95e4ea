package tfserving

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

func shapeProto(dims ...int64) *tensorflow.TensorShapeProto {
	s := &tensorflow.TensorShapeProto{}
	for _, d := range dims {
		s.Dim = append(s.Dim, &tensorflow.TensorShapeProto_Dim{Size: d})
	}
	return s
}

// TestTensorProtos reads every dtype as values, of which the last stands for those that follow, and as content.
func TestTensorProtos(t *testing.T) {
	for _, c := range []struct {
		d      tensor.DType
		values *tensorflow.TensorProto
		want   []byte // three elements
	}{
		{tensor.Float32, &tensorflow.TensorProto{FloatVal: []float32{1, -2}}, []byte("\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\xc0")},
		{tensor.Float64, &tensorflow.TensorProto{DoubleVal: []float64{2}}, bytes.Repeat([]byte("\x00\x00\x00\x00\x00\x00\x00\x40"), 3)},
		{tensor.Float16, &tensorflow.TensorProto{HalfVal: []int32{0x3c00, 0xffff}}, []byte("\x00\x3c\xff\xff\xff\xff")},
		{tensor.BFloat16, &tensorflow.TensorProto{HalfVal: []int32{0x3f80, 1, 2}}, []byte("\x80\x3f\x01\x00\x02\x00")},
		{tensor.Int8, &tensorflow.TensorProto{IntVal: []int32{-128, 127}}, []byte("\x80\x7f\x7f")},
		{tensor.Int16, &tensorflow.TensorProto{IntVal: []int32{-32768}}, []byte("\x00\x80\x00\x80\x00\x80")},
		{tensor.Int32, &tensorflow.TensorProto{IntVal: []int32{-1}}, bytes.Repeat([]byte{0xff}, 12)},
		{tensor.Int64, &tensorflow.TensorProto{Int64Val: []int64{-1}}, bytes.Repeat([]byte{0xff}, 24)},
		{tensor.Uint8, &tensorflow.TensorProto{IntVal: []int32{255}}, []byte("\xff\xff\xff")},
		{tensor.Uint16, &tensorflow.TensorProto{IntVal: []int32{65535, 0}}, []byte("\xff\xff\x00\x00\x00\x00")},
		{tensor.Uint32, &tensorflow.TensorProto{Uint32Val: []uint32{math.MaxUint32}}, bytes.Repeat([]byte{0xff}, 12)},
		{tensor.Uint64, &tensorflow.TensorProto{Uint64Val: []uint64{math.MaxUint64}}, bytes.Repeat([]byte{0xff}, 24)},
		{tensor.Bool, &tensorflow.TensorProto{BoolVal: []bool{false, true}}, []byte("\x00\x01\x01")},
		{tensor.Float32, &tensorflow.TensorProto{}, make([]byte, 12)},
	} {
		got := &tensor.Tensor{DType: c.d, Bytes: bytes.Repeat([]byte{0xaa}, 64)} // of an earlier request
		for _, p := range []*tensorflow.TensorProto{c.values, {TensorContent: c.want}} {
			p.Dtype, p.TensorShape = dataTypes[c.d], shapeProto(3)
			room := fullRoom
			if err := readTensor(got, "x", p, &room); err != nil || !bytes.Equal(got.Bytes, c.want) || !slices.Equal(got.Shape, []int{3}) {
				t.Errorf("%v of %v: %x %v", c.d, p, got.Bytes, err)
			}
		}
	}
	for _, c := range []struct {
		d tensor.DType
		v int32
	}{{tensor.Int8, 128}, {tensor.Int8, -129}, {tensor.Uint8, -1}, {tensor.Uint8, 256}, {tensor.Int16, 32768}, {tensor.Uint16, 65536}, {tensor.Float16, -1}, {tensor.BFloat16, 65536}} {
		p := &tensorflow.TensorProto{Dtype: dataTypes[c.d], TensorShape: shapeProto(1), IntVal: []int32{c.v}, HalfVal: []int32{c.v}}
		room := fullRoom
		if err := readTensor(tensor.New(c.d), "x", p, &room); !errors.Is(err, graph.ErrInput) {
			t.Errorf("%d as %v: %v", c.v, c.d, err)
		}
	}
}

// TestRoomIsOfTheWholeRequest fills it with several inputs, none of which is too large.
func TestRoomIsOfTheWholeRequest(t *testing.T) {
	room, p := fullRoom, &tensorflow.TensorProto{Dtype: tensorflow.DataType_DT_UINT8, TensorShape: shapeProto(30 << 20), IntVal: []int32{1}}
	for i := range 3 {
		if err := readTensor(tensor.New(tensor.Uint8), "x", p, &room); (err == nil) != (i < 2) || err != nil && !errors.Is(err, graph.ErrLimit) {
			t.Errorf("tensor %d: %v", i, err)
		}
	}
}

// FuzzTensorProto reads arbitrary messages as every dtype. What is read must come back from the message made of it.
func FuzzTensorProto(f *testing.F) {
	for _, name := range dataTypes {
		for _, p := range []*tensorflow.TensorProto{
			{Dtype: name, TensorShape: shapeProto(2, 1), TensorContent: binary.LittleEndian.AppendUint64(make([]byte, 8), 1)},
			{Dtype: name, TensorShape: shapeProto(3), FloatVal: []float32{1}, DoubleVal: []float64{1}, IntVal: []int32{1, 2}, HalfVal: []int32{1}, Int64Val: []int64{1},
				Uint32Val: []uint32{1}, Uint64Val: []uint64{1}, BoolVal: []bool{true}, StringVal: [][]byte{[]byte("a")}},
			{Dtype: name, TensorShape: shapeProto(2), TensorContent: []byte("\x01\x02abb")},
		} {
			data, err := proto.Marshal(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p tensorflow.TensorProto
		if proto.Unmarshal(data, &p) != nil {
			return
		}
		for d := range dataTypes {
			room := room(1 << 20)
			read := &tensor.Tensor{DType: d}
			if err := readTensor(read, "x", &p, &room); err != nil {
				if !errors.Is(err, graph.ErrInput) && !errors.Is(err, graph.ErrLimit) {
					t.Fatalf("%v: %v", d, err)
				}
				continue
			}
			again := &tensor.Tensor{DType: d}
			if err := readTensor(again, "x", tensorOf(read), &room); err != nil || !bytes.Equal(read.Bytes, again.Bytes) ||
				!slices.Equal(read.Strings, again.Strings) || !slices.Equal(read.Shape, again.Shape) {
				t.Fatalf("%v: %v %v %v", d, read, again, err)
			}
		}
	})
}
