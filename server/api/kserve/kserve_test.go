package kserve_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/servertest"
)

// source offers a model of two inputs and two outputs, one of text with a label, one of half floats and scores.
type source struct{}

func (source) Scan() (offers []server.Offer, err error) {
	for _, name := range []string{"pair", "text", "half", "sum"} {
		offers = append(offers, server.Offer{Model: name, Version: 1, Labels: []string{"stable"}, Fingerprint: "x", Settled: true,
			Read: func() ([]byte, error) { return []byte(name), nil }})
	}
	return offers, nil
}

func load(data []byte) (server.Runner, error) {
	input := func(name string, d tensor.DType, shape ...int) graph.Input {
		return graph.Input{Name: name, DType: d, Shape: shape}
	}
	switch string(data) {
	case "pair":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{input("a", tensor.Float32, -1, 2), input("b", tensor.Float32, -1)},
				Outputs: []graph.Output{{Name: "sums", DType: tensor.Float32, Shape: []int{-1, 2}}, {Name: "sign", DType: tensor.Int64, Shape: []int{-1}}}},
			Func: func(in, out []*tensor.Tensor) error {
				rows := in[0].Shape[0]
				if len(in[0].Shape) != 2 || in[0].Shape[1] != 2 || len(in[1].Shape) != 1 || in[1].Shape[0] != rows {
					return fmt.Errorf("shapes %v and %v: %w", in[0].Shape, in[1].Shape, graph.ErrInput)
				}
				out[0].Resize(rows, 2)
				out[1].Resize(rows)
				for i, v := range tensor.Data[float32](in[0]) {
					tensor.Data[float32](out[0])[i] = v + tensor.Data[float32](in[1])[i/2]
				}
				for i, v := range tensor.Data[float32](in[1]) {
					tensor.Data[int64](out[1])[i] = int64(math.Copysign(1, float64(v)))
				}
				return nil
			}}, nil
	case "text":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{input("words", tensor.String, -1)},
				Outputs: []graph.Output{{Name: "upper", DType: tensor.String, Shape: []int{-1}}}},
			Func: func(in, out []*tensor.Tensor) error {
				out[0].Resize(in[0].Shape...)
				for i, s := range in[0].Strings {
					out[0].Strings[i] = strings.ToUpper(s)
				}
				return nil
			}}, nil
	case "half":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{input("x", tensor.Float16, -1, 2)},
				Outputs: []graph.Output{{Name: "y", DType: tensor.Float16, Shape: []int{-1, 2}}}},
			Func: func(in, out []*tensor.Tensor) error {
				out[0].Resize(in[0].Shape...)
				copy(out[0].Bytes, in[0].Bytes)
				return nil
			}}, nil
	}
	return servertest.Sum(2, 1), nil
}

func start(t testing.TB) *server.Server {
	return servertest.Start(t, server.Config{APIs: []server.API{kserve.API{}}, Sources: []server.Source{source{}}, Load: load})
}

func TestTranscripts(t *testing.T) { servertest.Transcripts(t, start(t).URL()) }

const header = "Inference-Header-Content-Length"

func floats(values ...float32) string {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}

func text(values ...string) string {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return string(b)
}

// TestBinary sends tensors behind the JSON and reads those behind the answer.
func TestBinary(t *testing.T) {
	url := start(t).URL() + "/v2/models/"
	for _, c := range []struct {
		name, model, json, rest, length string
		status                          int
		want, wantRest                  string
	}{
		{name: "both inputs, one output", model: "pair", status: 200,
			json: `{"inputs":[{"name":"b","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}},` +
				`{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"outputs":[{"name":"sums","parameters":{"binary_data":true}},{"name":"sign"}]}`,
			rest: floats(10, 1, 2), want: `{"model_name":"pair","model_version":"1","outputs":[{"name":"sums","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},` +
				`{"name":"sign","datatype":"INT64","shape":[1],"data":[1]}]}`, wantRest: floats(11, 12)},
		{name: "all outputs", model: "text", status: 200,
			json: `{"inputs":[{"name":"words","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":13}}],"parameters":{"binary_data_output":true}}`,
			rest: text("ab", "éc"), want: `{"model_name":"text","model_version":"1","outputs":[{"name":"upper","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":13}}]}`,
			wantRest: text("AB", "ÉC")},
		{name: "raw", model: "sum", length: "0", rest: floats(3, 4), status: 200,
			want: `{"model_name":"sum","model_version":"1","outputs":[{"name":"output","datatype":"FP32","shape":[1,1],"parameters":{"binary_data_size":4}}]}`, wantRest: floats(7)},
		{name: "raw text", model: "text", length: "0", rest: "word", status: 200,
			want: `{"model_name":"text","model_version":"1","outputs":[{"name":"upper","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":8}}]}`, wantRest: text("WORD")},
		{name: "raw of the wrong size", model: "sum", length: "0", rest: floats(3), status: 400, want: `{"error": "input 'input': got 4 bytes, expected 2 elements of FP32 as shape [1 2] says"}`},
		{name: "raw for two inputs", model: "pair", length: "0", rest: floats(3), status: 400, want: `{"error": "raw request: expected a model with one input, 'pair' has 2"}`},
		{name: "HT header length behind the body", model: "sum", length: "99", json: "{}", status: 400, want: `{"error": "Inference-Header-Content-Length: expected a number of bytes from 0 to 2, the length of the body"}`},
		{name: "HT header length negative", model: "sum", length: "-1", json: "{}", status: 400, want: `{"error": "Inference-Header-Content-Length: expected a number of bytes from 0 to 2, the length of the body"}`},
		{name: "HT header length overflow", model: "sum", length: "18446744073709551617", json: "{}", status: 400, want: `{"error": "Inference-Header-Content-Length: expected a number of bytes from 0 to 2, the length of the body"}`},
		{name: "HT size beyond the body", model: "sum", json: `{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}`, rest: "1234567", status: 400,
			want: `{"error": "inputs[0].parameters.binary_data_size: larger than what is left of the body"}`},
		{name: "HT size and shape differ", model: "sum", json: `{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":7}}]}`, rest: "1234567", status: 400,
			want: `{"error": "input 'input': got 7 bytes, expected 2 elements of FP32 as shape [1 2] says"}`},
		{name: "HT shape of 2^62 elements", model: "sum", json: `{"inputs":[{"name":"input","shape":[2147483647,2147483647],"datatype":"FP32","parameters":{"binary_data_size":0}}]}`, status: 400,
			want: `{"error": "input 'input': got 0 bytes, expected 4611686014132420609 elements of FP32 as shape [2147483647 2147483647] says"}`},
		{name: "HT text longer than the body", model: "text", json: `{"inputs":[{"name":"words","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]}`, rest: "\xff\xff\xff\xffab", status: 400,
			want: `{"error": "input 'words': element 0 is longer than the 6 bytes that are left"}`},
		{name: "HT texts without bytes", model: "text", json: `{"inputs":[{"name":"words","shape":[2000000000],"datatype":"BYTES","parameters":{"binary_data_size":0}}]}`, status: 400,
			want: `{"error": "input 'words': got 0 bytes, too few for 2000000000 elements with a length of 4 bytes each"}`},
		{name: "bytes behind the tensors", model: "sum", json: `{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}`, rest: "123456789", status: 400,
			want: `{"error": "unexpected additional input data for model 'sum': 1 bytes behind the last tensor"}`},
		{name: "half floats", model: "half", status: 200,
			json: `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16","parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, rest: "abcd",
			want: `{"model_name":"half","model_version":"1","outputs":[{"name":"y","datatype":"FP16","shape":[1,2],"parameters":{"binary_data_size":4}}]}`, wantRest: "abcd"},
		{name: "half floats as JSON", model: "half", json: `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16","data":[1,2]}]}`, status: 400,
			want: `{"error": "inputs[0]: receiving FP16 data via JSON is not supported, please use the binary data format for input 'x'"}`},
		{name: "answer of half floats as JSON", model: "half", json: `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16","parameters":{"binary_data_size":4}}]}`, rest: "abcd", status: 400,
			want: `{"error": "sending FP16 data via JSON is not supported, please use the binary data format for output 'y'"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			length := c.length
			if length == "" {
				length = strconv.Itoa(len(c.json))
			}
			status, answer, h := servertest.Send(t, "POST", url+c.model+"/infer", c.json+c.rest, header, length)
			json, rest := answer, ""
			if n := h.Get(header); n != "" {
				split, err := strconv.Atoi(n)
				if err != nil || split > len(answer) {
					t.Fatalf("%s: %s", header, n)
				}
				json, rest = answer[:split], answer[split:]
			}
			if json = strings.TrimSuffix(json, "\n"); status != c.status || json != c.want || rest != c.wantRest {
				t.Errorf("%d %s %q", status, json, rest)
			}
		})
	}
}

// FuzzInfer sends arbitrary bodies: none may crash the server or be answered with a fault of its own.
func FuzzInfer(f *testing.F) {
	url := start(f).URL() + "/v2/models/"
	f.Add([]byte(`{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","data":[1,2]},{"name":"b","shape":[1],"datatype":"FP32","data":[3]}]}`), 0)
	f.Add([]byte(`{"inputs":[{"name":"words","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]}`+text("ab")), 94)
	f.Add([]byte(`{"outputs":[{"name":"upper","parameters":{"classification":2,"binary_data":true}}]}`), -1)
	f.Fuzz(func(t *testing.T, body []byte, split int) {
		for _, model := range []string{"pair", "text", "half"} {
			var headers []string
			if split != 0 {
				headers = []string{header, strconv.Itoa(split)}
			}
			status, answer, _ := servertest.Send(t, "POST", url+model+"/infer", string(body), headers...)
			if status != 200 && status != 400 && status != 413 {
				t.Errorf("%s: %d %s", model, status, answer)
			}
		}
	})
}
