package tensor_test

import (
	"testing"
	"unsafe"

	"github.com/hotpath/hotpath/graph/tensor"
)

func TestElements(t *testing.T) {
	cases := []struct {
		shape []int
		n     int
		ok    bool
	}{
		{nil, 1, true}, {[]int{2, 3}, 6, true}, {[]int{0, 1 << 62}, 0, true},
		{[]int{-1}, 0, false}, {[]int{1 << 32, 1 << 32}, 0, false},
	}
	for _, c := range cases {
		if n, ok := tensor.Elements(c.shape); n != c.n || ok != c.ok {
			t.Errorf("Elements(%v) = %d, %v, expected %d, %v", c.shape, n, ok, c.n, c.ok)
		}
	}
}

func TestResizeReusesMemory(t *testing.T) {
	x := tensor.New(tensor.Float32, 4, 4)
	before := &x.Bytes[0]
	x.Resize(2, 3)
	if &x.Bytes[0] != before || len(tensor.Data[float32](x)) != 6 {
		t.Error("a smaller shape did not reuse the memory")
	}
	x.Resize(4, 4)
	if &x.Bytes[0] != before {
		t.Error("the original shape did not reuse the memory")
	}
	if allocs := testing.AllocsPerRun(10, func() { x.Resize(3, 3); x.Resize(4, 4) }); allocs != 0 {
		t.Errorf("%v allocations per resize within capacity", allocs)
	}
}

func TestAlignedBytes(t *testing.T) {
	for n := range 200 {
		b := tensor.AlignedBytes(n)
		if len(b) != n || n > 0 && uintptr(unsafe.Pointer(&b[0]))%64 != 0 {
			t.Fatalf("AlignedBytes(%d): length %d, address %p", n, len(b), b)
		}
	}
}

func TestDataChecksTheType(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("viewing int64 elements as float32 did not panic")
		}
	}()
	tensor.Data[float32](tensor.New(tensor.Int64, 1))
}

func TestDTypeTable(t *testing.T) {
	for d := tensor.Float32; d <= tensor.String; d++ {
		if tensor.FromONNX(d.ONNX()) != d || tensor.FromName(d.String()) != d {
			t.Errorf("%s does not survive a round trip", d)
		}
	}
	if tensor.FromONNX(9999) != tensor.Invalid || tensor.FromName("float7") != tensor.Invalid {
		t.Error("an unknown dtype is not Invalid")
	}
}
