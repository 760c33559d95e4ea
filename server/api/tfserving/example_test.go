package tfserving

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

func read(t testing.TB, body string, in graph.Input) (*tensor.Tensor, error) {
	t.Helper()
	input, err := decodeExamples([]byte(body))
	if err != nil {
		return nil, err
	}
	b, err := newBatch(input, 1000)
	if err != nil {
		return nil, err
	}
	x := tensor.New(in.DType)
	return x, b.readInput(x, &in)
}

// TestFeatures reads features into inputs of every dtype.
func TestFeatures(t *testing.T) {
	for d := range dataTypes {
		in := graph.Input{Name: "x", DType: d, Shape: []int{-1, 2}}
		body := `{"examples": [{"x": [1, 0]}, {"x": [true, 1]}]}`
		if d == tensor.String {
			body = `{"examples": [{"x": ["a", {"b64": "Yg=="}]}, {"x": ["", "c"]}]}`
		}
		x, err := read(t, body, in)
		if err != nil || !slices.Equal(x.Shape, []int{2, 2}) {
			t.Errorf("%v: %v", d, err)
			continue
		}
		if d == tensor.String {
			if !slices.Equal(x.Strings, []string{"a", "b", "", "c"}) {
				t.Errorf("%v: %q", d, x.Strings)
			}
			continue
		}
		size := d.Size()
		one := x.Bytes[:size]
		if !slices.Equal(x.Bytes[2*size:3*size], one) || !slices.Equal(x.Bytes[3*size:], one) || slices.Equal(x.Bytes[size:2*size], one) {
			t.Errorf("%v: %x", d, x.Bytes)
		}
		if at, ok := floats(x); ok && (at(0) != 1 || at(1) != 0) {
			t.Errorf("%v: %v %v", d, at(0), at(1))
		}
	}
	for _, c := range []struct {
		d     tensor.DType
		value string
	}{{tensor.Int8, "128"}, {tensor.Uint8, "-1"}, {tensor.Int16, "32768"}, {tensor.Uint16, "65536"}, {tensor.Int32, "2147483648"}, {tensor.Uint32, "-1"}, {tensor.Uint64, "-1"},
		{tensor.Bool, "2"}, {tensor.Float16, "1e6"}, {tensor.Float16, "100000"}, {tensor.Int64, "1.0"}, {tensor.String, "1"}, {tensor.Float32, `"1"`}} {
		if x, err := read(t, `{"examples": [{"x": `+c.value+`}]}`, graph.Input{Name: "x", DType: c.d, Shape: []int{-1}}); !errors.Is(err, graph.ErrInput) {
			t.Errorf("%s as %v: %v %v", c.value, c.d, x, err)
		}
	}
}

// TestOpenAxis lets the first example tell the size of an axis that the model leaves open.
func TestOpenAxis(t *testing.T) {
	in := graph.Input{Name: "x", DType: tensor.Int64, Shape: []int{-1, -1, 2}}
	if x, err := read(t, `{"examples": [{"x": [1, 2, 3, 4]}, {"x": [5, 6, 7, 8]}]}`, in); err != nil || !slices.Equal(x.Shape, []int{2, 2, 2}) {
		t.Error(x, err)
	}
	for _, body := range []string{`{"examples": [{"x": [1, 2, 3]}]}`, `{"examples": [{"x": [1, 2]}, {"x": [1, 2, 3, 4]}]}`, `{"examples": [{}]}`} {
		if _, err := read(t, body, in); !errors.Is(err, graph.ErrInput) {
			t.Errorf("%s: %v", body, err)
		}
	}
	in.Shape = []int{-1, -1, -1}
	if _, err := read(t, `{"examples": [{"x": [1]}]}`, in); !errors.Is(err, graph.ErrUnsupported) {
		t.Error(err)
	}
}

// TestHTContextForManyExamples has 4 MB stand for 4 GB.
func TestHTContextForManyExamples(t *testing.T) {
	wide := &tensorflow.Example{Features: &tensorflow.Features{Feature: map[string]*tensorflow.Feature{
		"x": {Kind: &tensorflow.Feature_FloatList{FloatList: &tensorflow.FloatList{Value: make([]float32, 1<<20)}}}}}}
	list := &tensorflow.ExampleListWithContext{Context: wide, Examples: make([]*tensorflow.Example, 1000)}
	b, err := newBatch(&tensorflow.Input{Kind: &tensorflow.Input_ExampleListWithContext{ExampleListWithContext: list}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range [][]int{{-1, 1 << 20}, {-1, -1}, {-1, math.MaxInt32}} {
		if err := b.readInput(tensor.New(tensor.Float32), &graph.Input{Name: "x", DType: tensor.Float32, Shape: shape}); !errors.Is(err, graph.ErrLimit) {
			t.Errorf("%v: %v", shape, err)
		}
	}
}

// FuzzExamples reads arbitrary bodies of :classify and :regress into inputs of several forms.
func FuzzExamples(f *testing.F) {
	f.Add(`{"signature_name": "serving_default", "context": {"x": 1}, "examples": [{"y": [1.5, NaN, -Infinity]}, {"x": {"b64": "YQ=="}, "z": true}]}`)
	f.Add(`{"examples": [{"x": [1, 2]}, {"a": 1, "b": "text"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, in := range []graph.Input{{Name: "x", DType: tensor.Float32, Shape: []int{-1}}, {Name: "x", DType: tensor.Int8, Shape: []int{-1, -1}},
			{Name: "x", DType: tensor.String, Shape: []int{-1, 2}, Columns: []string{"a", "b"}, Missing: true}} {
			x, err := read(t, body, in)
			if err != nil && !errors.Is(err, graph.ErrInput) && !errors.Is(err, graph.ErrLimit) {
				t.Fatal(err)
			}
			if err == nil && len(x.Shape) != len(in.Shape) {
				t.Fatal(x.Shape)
			}
		}
	})
}
