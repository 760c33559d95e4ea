package server

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// TestDecodedSizeIsAboutTheMemory compares the estimate with what the decoded messages take.
func TestDecodedSizeIsAboutTheMemory(t *testing.T) {
	floats := &tensorflow.TensorProto{FloatVal: make([]float32, 1<<20)}
	texts := &tensorflow.TensorProto{StringVal: make([][]byte, 1<<18)}
	numbers := &tensorflow.TensorProto{Int64Val: make([]int64, 1<<20)}
	dims := &tensorflow.TensorProto{TensorShape: &tensorflow.TensorShapeProto{}}
	for range 1 << 16 {
		dims.TensorShape.Dim = append(dims.TensorShape.Dim, &tensorflow.TensorShapeProto_Dim{})
	}
	features := &tensorflow.Features{Feature: map[string]*tensorflow.Feature{}}
	for i := range 1 << 15 {
		features.Feature[string(rune('a'+i%26))+string(rune(0x4e00+i))] = &tensorflow.Feature{}
	}
	for name, m := range map[string]proto.Message{"floats": floats, "texts": texts, "numbers": numbers, "dims": dims, "features": features} {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		guess, err := decodedSize(m, data)
		if err != nil {
			t.Fatal(err)
		}
		decoded := m.ProtoReflect().New().Interface()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := proto.Unmarshal(data, decoded); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(data)
		runtime.KeepAlive(decoded)
		if real := int64(after.HeapAlloc) - int64(before.HeapAlloc); guess < real*3/4 || guess > real*4 {
			t.Errorf("%s: %d bytes on the wire take %d, estimated %d", name, len(data), real, guess)
		}
	}
}

// TestDecodedSizeOfHostileMessages must end with an error.
func TestDecodedSizeOfHostileMessages(t *testing.T) {
	nested := []byte{}
	for range 150 { // a list of a list of …
		value := append(binary.AppendUvarint([]byte{6<<3 | 2}, uint64(len(nested))), nested...)
		nested = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(value))), value...)
	}
	if _, err := decodedSize(&structpb.ListValue{}, nested); !errors.Is(err, ErrRequest) {
		t.Errorf("nested: %v", err)
	}
	for _, data := range []string{"\x0a", "\x0a\x05a", "\xff", "\x0b", "\x0f\x00", "\x00\x00"} {
		if _, err := decodedSize(&structpb.ListValue{}, []byte(data)); !errors.Is(err, ErrRequest) {
			t.Errorf("%q: %v", data, err)
		}
	}
}
