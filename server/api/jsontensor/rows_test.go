package jsontensor

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func input(name string, d tensor.DType, shape ...int) graph.Input {
	return graph.Input{Name: name, DType: d, Shape: shape}
}

var (
	numbers = &graph.Signature{Inputs: []graph.Input{{Name: "input", DType: tensor.Float32, Shape: []int{-1, 3}, Columns: []string{"a", "b", "c"}}}}
	missing = &graph.Signature{Inputs: []graph.Input{{Name: "input", DType: tensor.Float32, Shape: []int{-1, 3}, Columns: []string{"a", "b", "c"}, Missing: true}}}
	mixed   = &graph.Signature{Inputs: []graph.Input{
		{Name: "age", DType: tensor.Float32, Shape: []int{-1, 1}, Missing: true}, {Name: "city", DType: tensor.String, Shape: []int{-1, 1}, Missing: true},
		{Name: "rooms", DType: tensor.Int64, Shape: []int{-1}}}}
	vector = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Float32, -1)}}
	images = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Float32, -1, 2, 2, 1)}}
	tokens = &graph.Signature{Inputs: []graph.Input{input("ids", tensor.Int64, -1, -1), input("mask", tensor.Int32, -1, -1)}}
	pair   = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Float32, 2, 2)}}
	flags  = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Bool, -1, 2)}}
	bytes8 = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Uint8, -1, 2)}}
	double = &graph.Signature{Inputs: []graph.Input{input("x", tensor.Float64, -1, 1)}}
)

func inputs(s *graph.Signature) (ts []*tensor.Tensor) {
	for _, in := range s.Inputs {
		ts = append(ts, &tensor.Tensor{DType: in.DType})
	}
	return ts
}

// rows decodes {"k": text} in row form.
func rows(s *graph.Signature, text string, opt Options) ([]*tensor.Tensor, error) {
	return decode(s, text, opt, func(c *Codec, ts []*tensor.Tensor) error {
		_, err := c.Rows(ts)
		return err
	})
}

func columnsOf(s *graph.Signature, text string, opt Options) ([]*tensor.Tensor, error) {
	return decode(s, text, opt, (*Codec).Tensors)
}

func decode(s *graph.Signature, text string, opt Options, read func(*Codec, []*tensor.Tensor) error) ([]*tensor.Tensor, error) {
	var slot any
	c, err := Use(&slot, s)
	if err != nil {
		return nil, err
	}
	ts := inputs(s)
	for range 2 { // the second time on used memory
		c.Reset([]byte(`{"k": `+text+`}`), opt)
		if err := c.Object(); err != nil {
			return nil, err
		}
		if _, _, err := c.Key(true); err != nil {
			return nil, err
		}
		if err := read(c, ts); err != nil {
			return nil, err
		}
		if _, ok, err := c.Key(false); ok || err != nil {
			return nil, err
		}
		if err := c.End(); err != nil {
			return nil, err
		}
	}
	return ts, nil
}

// describe writes tensors as "shape values; …".
func describe(ts []*tensor.Tensor) string {
	var parts []string
	for _, t := range ts {
		st := Style{Comma: ",", NonFinite: true}
		text, _ := st.Append(nil, t, 0, 0)
		parts = append(parts, fmt.Sprint(t.Shape, " ", string(text)))
	}
	return strings.Join(parts, "; ")
}

func TestRows(t *testing.T) {
	all := Options{NonFinite: true, Base64: true}
	for _, tc := range []struct {
		sig  *graph.Signature
		opt  Options
		text string
		want string // tensors, or part of the error
	}{
		{numbers, Options{}, `[[1, -2.5e1, 0.1]]`, `[1 3] [[1,-25,0.1]]`},
		{numbers, Options{}, " [ [1\t,2,\n3 ] ,[4,5,6]] ", `[2 3] [[1,2,3],[4,5,6]]`},
		{numbers, Options{}, `[{"c": 3, "a": 1, "b": 2}, [4,5,6]]`, `[2 3] [[1,2,3],[4,5,6]]`},
		{numbers, Options{}, `[{"input": [1,2,3]}]`, `[1 3] [[1,2,3]]`},
		{numbers, Options{}, `[{"a": 1, "b": 2}]`, `k[0]: the key "c" is missing`},
		{numbers, Options{}, `[{"a": 1, "a": 2}]`, `k[0].a: the key occurs twice`},
		{numbers, Options{}, `[{"A": 1}]`, `k[0].A: no column`},
		{numbers, Options{}, `[{"input": [1,2,3], "a": 1}]`, `both given`},
		{numbers, Options{}, `[[1,2,null]]`, `k[0][2] (c): expected a number, found null`},
		{numbers, Options{}, `[[1,2,true]]`, `k[0][2] (c): expected a number, found true`},
		{numbers, Options{}, `[[1,2,[3]]]`, `k[0][2] (c): expected a number, found an array`},
		{numbers, Options{}, `[[1,2,01]]`, `k[0][2] (c): invalid JSON at byte 12: a malformed number`},
		{numbers, Options{}, `[[1,2,+1]]`, `'+', expected a number`},
		{numbers, Options{}, `[[1,2,.5]]`, `'.', expected a number`},
		{numbers, Options{}, `[[1,2,5.]]`, `malformed`},
		{numbers, Options{}, `[[1,2,3],]`, `k[1]: invalid JSON`},
		{numbers, Options{}, `[[1 2,3]]`, `expected ',' or ']'`},
		{numbers, Options{}, `[[1,2,3]`, `invalid JSON`},
		{numbers, Options{}, `[[1e39,2,3]]`, `out of the range of float32`},
		{numbers, Options{}, `"abc"`, `k: expected a list of rows`},
		{numbers, Options{}, `[[NaN,2,3]]`, `k[0][0] (a): expected a number, found NaN`},
		{numbers, all, `[[NaN,Infinity,-Infinity]]`, `[1 3] [[NaN,Infinity,-Infinity]]`},
		{numbers, all, `[[1e999,2,3]]`, `out of the range`},
		{missing, Options{}, `[[null, 2, 3], {"b": 1}]`, `[2 3] [[NaN,2,3],[NaN,1,NaN]]`},
		{mixed, Options{}, `[[1.5, "Bonn", 3], {"rooms": 2, "city": "K\u00f6ln\n"}]`, `[2 1] [[1.5],[NaN]]; [2 1] [["Bonn"],["Köln\n"]]; [2] [3,2]`},
		{mixed, Options{}, `[[null, null, 3]]`, `[1 1] [[NaN]]; [1 1] [[""]]; [1] [3]`},
		{mixed, Options{}, `[[1, 2, 3]]`, `k[0][1] (city): expected a string, found a number`},
		{mixed, Options{}, `[[1, "x", 3.5]]`, `k[0][2] (rooms): expected a whole number`},
		{mixed, Options{}, `[[1, "x", null]]`, `k[0][2] (rooms): expected a number, found null`},
		{mixed, Options{}, `[{"age": 1, "city": "x"}]`, `the key "rooms" is missing`},
		{mixed, Options{}, `[{"age": [1], "city": ["x"], "rooms": 4}]`, `[1 1] [[1]]; [1 1] [["x"]]; [1] [4]`},
		{vector, Options{}, `[1, 2, 3]`, `[3] [1,2,3]`},
		{vector, Options{}, `[[1]]`, `k[0]: expected a number, found an array`},
		{images, Options{}, `[[[[1],[2]],[[3],[4]]]]`, `[1 2 2 1] [[[[1],[2]],[[3],[4]]]]`},
		{images, Options{}, `[[[1,2],[3,4]]]`, `k[0][0][0]: expected a list of 1, found a number`},
		{images, Options{}, `[[[[1],[2]],[[3]]]]`, `k[0][1]: expected 2 values, found 1`},
		{tokens, Options{}, `[{"ids": [1,2,3], "mask": [1,1,0]}, {"mask": [1,1,1], "ids": [4,5,6]}]`, `[2 3] [[1,2,3],[4,5,6]]; [2 3] [[1,1,0],[1,1,1]]`},
		{tokens, Options{}, `[{"ids": [1,2,3], "mask": [1,1,0]}, {"mask": [1,1], "ids": [4,5,6]}]`, `k[1].mask: expected 3 values, found 2`},
		{tokens, Options{}, `[[1,2,3]]`, `k[0]: expected an object with one key per input, found an array`},
		{tokens, Options{}, `[{"ids": [3000000000], "mask": [3000000000]}]`, `k[0].mask[0]: expected a whole number from -2147483648`},
		{tokens, Options{}, `[{"ids": [], "mask": []}]`, `[1 0] [[]]; [1 0] [[]]`},
		{pair, Options{}, `[[1,2]]`, `expected exactly 2 rows, found 1`},
		{flags, Options{}, `[[true,false]]`, `[1 2] [[true,false]]`},
		{flags, Options{}, `[[1,0]]`, `expected true or false, found a number`},
		{bytes8, Options{}, `[[0,255]]`, `[1 2] [[0,255]]`},
		{bytes8, Options{}, `[[-1,256]]`, `expected a whole number from 0 to 255, found -1`},
		{double, Options{}, `[[0.1],[1e300]]`, `[2 1] [[0.1],[1e+300]]`},
		{mixed, all, `[[1, {"b64": "aGk="}, 3]]`, `[1 1] [[1]]; [1 1] [["hi"]]; [1] [3]`},
		{mixed, all, `[[1, {"b64": "!"}, 3]]`, `invalid base64`},
		{mixed, all, `[[1, {"b65": "aGk="}, 3]]`, `an object other than`},
	} {
		ts, err := rows(tc.sig, tc.text, tc.opt)
		if err != nil {
			if !strings.Contains(err.Error(), tc.want) || !errors.Is(err, graph.ErrInput) {
				t.Errorf("%s: %v, want %s", tc.text, err, tc.want)
			}
			continue
		}
		if got := describe(ts); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.text, got, tc.want)
		}
	}
}

func TestTensors(t *testing.T) {
	for _, tc := range []struct {
		sig        *graph.Signature
		text, want string
	}{
		{numbers, `[[1,2,3],[4,5,6]]`, `[2 3] [[1,2,3],[4,5,6]]`},
		{numbers, `{"input": [[1,2,3]]}`, `[1 3] [[1,2,3]]`},
		{numbers, `{"inputs": [[1,2,3]]}`, `no input of the model has this name`},
		{numbers, `[1,2,3]`, `k[0]: expected a list of 3, found a number`},
		{tokens, `{"ids": [[1,2]], "mask": [[1,1]]}`, `[1 2] [[1,2]]; [1 2] [[1,1]]`},
		{tokens, `{"ids": [[1,2]]}`, `the key "mask" is missing`},
		{tokens, `{"ids": [[1,2]], "ids": [[1,2]]}`, `k.ids: the key occurs twice`},
		{tokens, `[[1,2]]`, `expected an object with one key per input`},
		{tokens, `{"ids": [], "mask": []}`, `[0 0] []; [0 0] []`},
	} {
		ts, err := columnsOf(tc.sig, tc.text, Options{})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = describe(ts)
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s, want %s", tc.text, got, tc.want)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, text := range []string{`"plain"`, `"a\"b\\c\/d\b\f\n\r\t"`, `"\u0041\u00e9\u20ac\ud83d\ude00"`, `"日本\u0000"`, `""`,
		`"\ud83d"`, `"\ude00"`, `"\ud83d\u0041"`, `"\u12"`, `"\x"`, "\"a\nb\"", "\"\xff\"", `"abc`, `"abc\`, `"\u00`} {
		sig := &graph.Signature{Inputs: []graph.Input{input("x", tensor.String, -1, 1)}}
		ts, err := rows(sig, "[["+text+"]]", Options{})
		var want string
		valid := json.Unmarshal([]byte(text), &want) == nil && !strings.ContainsRune(want, '\uFFFD')
		if (err == nil) != valid {
			t.Errorf("%s: %v, encoding/json says %v", text, err, valid)
		}
		if err == nil && ts[0].Strings[0] != want {
			t.Errorf("%s: %q, want %q", text, ts[0].Strings[0], want)
		}
	}
}

// FuzzRows compares with encoding/json: what is accepted is valid JSON with the same numbers, and bodies that are a
// list of lists of three numbers are accepted.
func FuzzRows(f *testing.F) {
	for _, s := range []string{`[[1,2,3]]`, `[[1,2,3],[4e5,-0,1e-7]]`, `[{"a":1,"b":2,"c":3}]`, `[[1,2]]`, `[]`, `[[1,2,3]]x`, "[[1,2,\"\\u00e9\"]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ts, err := rows(numbers, text, Options{})
		var want [][]float64
		isList := json.Unmarshal([]byte(text), &want) == nil && len(want) > 0 && !strings.Contains(text, "null")
		for _, row := range want {
			isList = isList && len(row) == 3
			for _, v := range row {
				isList = isList && math.Abs(v) <= math.MaxFloat32
			}
		}
		if err != nil {
			if isList {
				t.Fatalf("%q is refused: %v", text, err)
			}
			return
		}
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			t.Fatalf("%q is not JSON and was accepted", text)
		}
		if !isList {
			return // rows with objects
		}
		var got [][]float32
		enc, _ := (&Style{Comma: ","}).Append(nil, ts[0], 0, 0)
		if json.Unmarshal(enc, &got) != nil {
			t.Fatalf("%q: wrote %s", text, enc)
		}
		var want32 [][]float32
		_ = json.Unmarshal([]byte(text), &want32)
		if !reflect.DeepEqual(got, want32) {
			t.Fatalf("%q: %v, want %v", text, got, want32)
		}
	})
}

// TestDecodingAllocatesNothing in steady state.
func TestDecodingAllocatesNothing(t *testing.T) {
	var slot any
	c, err := Use(&slot, mixed)
	if err != nil {
		t.Fatal(err)
	}
	ts := inputs(mixed)
	const text = `{"k": [[1.25, "a\tb", 3], {"age": 3, "city": "x", "rooms": 4}]}`
	body := make([]byte, len(text))
	if n := testing.AllocsPerRun(100, func() {
		copy(body, text)
		c.Reset(body, Options{})
		_ = c.Object()
		_, _, _ = c.Key(true)
		if _, err := c.Rows(ts); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRows reads many bodies in turn: of a single one, the processor would learn the lengths of all numbers.
func BenchmarkRows(b *testing.B) {
	sig := &graph.Signature{Inputs: []graph.Input{input("input", tensor.Float32, -1, 100)}}
	rng := rand.New(rand.NewPCG(1, 2))
	var bodies [256][]byte
	for i := range bodies {
		var row []string
		for range 100 {
			row = append(row, fmt.Sprint(rng.Float64()))
		}
		bodies[i] = []byte(`{"input_data": [[` + strings.Join(row, ", ") + `]]}`)
	}
	var slot any
	c, err := Use(&slot, sig)
	if err != nil {
		b.Fatal(err)
	}
	ts := inputs(sig)
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Reset(bodies[i%len(bodies)], Options{})
		_ = c.Object()
		_, _, _ = c.Key(true)
		if _, err := c.Rows(ts); err != nil {
			b.Fatal(err)
		}
	}
}
