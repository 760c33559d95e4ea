package hdf5_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/hdf5"
)

func open(t testing.TB, name string) *hdf5.Object {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := hdf5.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func read(t *testing.T, root *hdf5.Object, path ...string) *tensor.Tensor {
	t.Helper()
	o, err := root.Open(path...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := o.Read()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLayouts(t *testing.T) {
	root := open(t, "layouts.h5")
	for _, name := range []string{"contiguous", "chunked", "deflated", "shuffled"} {
		v := read(t, root, name)
		if v.DType != tensor.Float32 || !slices.Equal(v.Shape, []int{7, 5, 3}) {
			t.Fatalf("%s is %s %v", name, v.DType, v.Shape)
		}
		for i, x := range tensor.Data[float32](v) {
			if x != float32(i)/4 {
				t.Fatalf("%s: element %d is %v, expected %v", name, i, x, float32(i)/4)
			}
		}
	}
	if v := read(t, root, "empty"); !slices.Equal(v.Shape, []int{0, 4}) {
		t.Errorf("empty has shape %v", v.Shape)
	}
	if v := read(t, root, "group", "inner", "scalar"); tensor.Data[float64](v)[0] != 0.125 || len(v.Shape) != 0 {
		t.Errorf("scalar is %v %v", v.Shape, tensor.Data[float64](v))
	}
	if v := read(t, root, "group", "ints"); !slices.Equal(tensor.Data[int16](v), []int16{-3, 5}) {
		t.Errorf("ints are %v", tensor.Data[int16](v))
	}
	for i := range 40 { // enough for a tree of more than one node
		if v := read(t, root, "many", fmt.Sprint("d", i)); tensor.Data[int32](v)[0] != int32(i) {
			t.Errorf("d%d is %v", i, tensor.Data[int32](v))
		}
	}
	if v := read(t, open(t, "newest.h5"), "a", "b"); !slices.Equal(tensor.Data[uint8](v), []uint8{0, 1, 2, 3}) {
		t.Errorf("newest a/b is %v", tensor.Data[uint8](v))
	}
}

func TestAttributes(t *testing.T) {
	root := open(t, "layouts.h5")
	for name, want := range map[string][]string{"text": {"héllo"}, "fixed": {"abc"}, "texts": {"a", "bc", ""}} {
		v, ok, err := root.Attr(name)
		if err != nil || !ok || !slices.Equal(v.Strings, want) {
			t.Errorf("%s is %v, %v, %v, expected %v", name, v, ok, err, want)
		}
	}
	if v, ok, err := root.Attr("number"); err != nil || !ok || tensor.Data[int64](v)[0] != 42 {
		t.Errorf("number: %v %v", ok, err)
	}
	if _, ok, err := root.Attr("none"); ok || err != nil {
		t.Errorf("none: %v %v", ok, err)
	}
}

// everything reads all that a file holds.
func everything(data []byte) error {
	f, err := hdf5.Open(data)
	if err != nil {
		return err
	}
	root, err := f.Root()
	if err != nil {
		return err
	}
	var walk func(o *hdf5.Object, depth int) error
	walk = func(o *hdf5.Object, depth int) error {
		if o.IsDataset() {
			_, err := o.Read()
			return err
		}
		if _, _, err := o.Attr("text"); err != nil {
			return err
		}
		names, _, err := o.Children()
		for _, name := range names {
			if depth > 6 || err != nil {
				break
			}
			var child *hdf5.Object
			if child, err = o.Open(name); err == nil {
				err = walk(child, depth+1)
			}
		}
		return err
	}
	return walk(root, 0)
}

// TestHostile cuts a file and turns bits: no panic, and errors of the known kinds alone.
func TestHostile(t *testing.T) {
	data, err := os.ReadFile("testdata/layouts.h5")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		if err != nil && !errors.Is(err, graph.ErrFormat) && !errors.Is(err, graph.ErrUnsupported) && !errors.Is(err, graph.ErrLimit) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 0; n < len(data); n += 397 {
		check(fmt.Sprintf("%d bytes", n), everything(data[:n]))
	}
	for i := 0; i < len(data); i += 5 {
		if data[i] == 0 && i%64 != 0 { // most of the file is padding
			continue
		}
		data[i] ^= 0x81
		check(fmt.Sprintf("byte %d turned", i), everything(data))
		data[i] ^= 0x81
	}
}
