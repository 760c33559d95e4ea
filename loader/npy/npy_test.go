package npy_test

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/npy"
)

func TestRoundTrip(t *testing.T) {
	arrays := map[string]*tensor.Tensor{
		"f": tensor.Of([]float32{1, -2.5, 3, 4, 5, 6}, 2, 3), "d": tensor.Of([]float64{1}, 1), "i": tensor.Of([]int64{-1}),
		"u": tensor.Of([]uint8{255, 0}, 2), "b": tensor.Of([]bool{true, false}, 2), "t": tensor.OfStrings([]string{"ä", "", "word"}, 3, 1),
		"none": tensor.Of([]float32{}, 0, 4),
	}
	var file bytes.Buffer
	if err := npy.WriteArchive(&file, arrays); err != nil {
		t.Fatal(err)
	}
	back, err := npy.ReadArchive(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range arrays {
		got := back[name]
		if got == nil || got.DType != want.DType || !bytes.Equal(got.Bytes, want.Bytes) || !reflect.DeepEqual(got.Strings, want.Strings) || got.Len() != want.Len() {
			t.Errorf("%s came back as %+v", name, got)
		}
	}
}

// testdata/numpy.npz was written by NumPy 2.4: np.savez("numpy.npz", a=np.arange(6, dtype="f4").reshape(2, 3), t=np.array(["x", "yy"])).
func TestNumPyFile(t *testing.T) {
	data, err := os.ReadFile("testdata/numpy.npz")
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if a := arrays["a"]; !reflect.DeepEqual(a.Shape, []int{2, 3}) || tensor.Data[float32](a)[5] != 5 {
		t.Errorf("a is %v %v", a.Shape, a.Bytes)
	}
	if !reflect.DeepEqual(arrays["t"].Strings, []string{"x", "yy"}) {
		t.Errorf("t is %v", arrays["t"].Strings)
	}
}

// header builds a version 1 file.
func header(dict, data string) string {
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(dict)), byte(len(dict) >> 8)}) + dict + data
}

func TestHostile(t *testing.T) {
	cases := map[string]struct {
		file string
		want error
	}{
		"empty":                {"", graph.ErrFormat},
		"KR04 header cut":      {"\x93NUMPY\x01\x00\xff\xff{", graph.ErrFormat},
		"KR04 header length":   {"\x93NUMPY\x02\x00\xff\xff\xff\xff{", graph.ErrLimit},
		"KR04 version":         {"\x93NUMPY\x09\x00\x00\x00", graph.ErrUnsupported},
		"KR04 object dtype":    {header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "cbuiltins\neval"), graph.ErrUnsupported},
		"KR04 fortran order":   {header("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "0000"), graph.ErrUnsupported},
		"KR04 negative shape":  {header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", ""), graph.ErrFormat},
		"KR04 shape bomb":      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", ""), graph.ErrLimit},
		"KR04 promised":        {header("{'descr': '<f4', 'fortran_order': False, 'shape': (400000000,), }", "0000"), graph.ErrFormat},
		"KR04 code as header":  {header("__import__('os').system('true')", ""), graph.ErrFormat},
		"KR04 no shape":        {header("{'descr': '<f4', 'fortran_order': False, }", ""), graph.ErrFormat},
		"KR04 text width":      {header("{'descr': '<U999999999', 'fortran_order': False, 'shape': (), }", ""), graph.ErrFormat},
		"big endian":           {header("{'descr': '>f4', 'fortran_order': False, 'shape': (), }", "0000"), graph.ErrUnsupported},
		"structured data type": {header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "0000"), graph.ErrFormat},
	}
	for name, c := range cases {
		if _, err := npy.Read(strings.NewReader(c.file)); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, expected %v", name, err, c.want)
		}
	}
	if _, err := npy.ReadArchive(strings.NewReader("PK nothing"), 10); !errors.Is(err, graph.ErrFormat) {
		t.Errorf("KR01: error %v, expected ErrFormat", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "0000")))
	f.Add([]byte(header("{'descr': '<U2', 'fortran_order': False, 'shape': (1, 1), }", "00000000")))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := npy.Read(bytes.NewReader(data))
		if err == nil && a.Len()*max(1, a.DType.Size()) > len(data) && a.DType != tensor.String {
			t.Errorf("%d elements of %s from %d bytes", a.Len(), a.DType, len(data))
		}
	})
}
