package tfserving_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving"
	"github.com/hotpath/hotpath/server/servertest"
)

// source offers half_plus_two, as in the documentation of TensorFlow Serving, in two versions with labels; a model with
// two inputs and two outputs; one with text; classifiers with labels, with one probability and with names as outputs; a
// regression on columns that may be missing; one whose rows have any length; and one whose newest version is broken.
type source struct{}

func (source) Scan() (offers []server.Offer, err error) {
	for _, o := range []server.Offer{
		{Model: "half_plus_two", Version: 122, Labels: []string{"stable"}},
		{Model: "half_plus_two", Version: 123, Labels: []string{"canary"}},
		{Model: "pair", Version: 1}, {Model: "text", Version: 1}, {Model: "scores", Version: 1}, {Model: "chance", Version: 1}, {Model: "named", Version: 1},
		{Model: "table", Version: 1}, {Model: "open", Version: 1}, {Model: "late", Version: 1}, {Model: "late", Version: 2},
	} {
		o.Fingerprint, o.Settled = "x", true
		o.Read = func() ([]byte, error) { return fmt.Appendf(nil, "%s/%d", o.Model, o.Version), nil }
		offers = append(offers, o)
	}
	return offers, nil
}

func load(data []byte) (server.Runner, error) {
	f32 := func(name string, shape ...int) graph.Input {
		return graph.Input{Name: name, DType: tensor.Float32, Shape: shape}
	}
	floats := tensor.Data[float32]
	switch model, _, _ := strings.Cut(string(data), "/"); {
	case model == "half_plus_two":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{f32("x", -1)}, Outputs: []graph.Output{{Name: "y", DType: tensor.Float32, Shape: []int{-1}}}},
			Func: func(in, out []*tensor.Tensor) error {
				out[0].Resize(in[0].Shape...)
				for i, v := range floats(in[0]) {
					floats(out[0])[i] = v/2 + 2
				}
				return nil
			}}, nil
	case model == "pair":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{f32("a", -1, 2), f32("b", -1)},
				Outputs: []graph.Output{{Name: "sums", DType: tensor.Float32, Shape: []int{-1, 2}}, {Name: "sign", DType: tensor.Int64, Shape: []int{-1}}}},
			Func: func(in, out []*tensor.Tensor) error {
				rows := in[0].Shape[0]
				if in[1].Shape[0] != rows {
					return fmt.Errorf("inputs have %d and %d rows: %w", rows, in[1].Shape[0], graph.ErrInput)
				}
				out[0].Resize(rows, 2)
				out[1].Resize(rows)
				for i, v := range floats(in[0]) {
					floats(out[0])[i] = v + floats(in[1])[i/2]
				}
				for i, v := range floats(in[1]) {
					tensor.Data[int64](out[1])[i] = 1
					if v < 0 {
						tensor.Data[int64](out[1])[i] = -1
					}
				}
				return nil
			}}, nil
	case model == "text":
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{{Name: "words", DType: tensor.String, Shape: []int{-1}}},
				Outputs: []graph.Output{{Name: "upper", DType: tensor.String, Shape: []int{-1}}, {Name: "raw_bytes", DType: tensor.String, Shape: []int{-1}}}},
			Func: func(in, out []*tensor.Tensor) error {
				out[0].Resize(in[0].Shape...)
				out[1].Resize(in[0].Shape...)
				for i, s := range in[0].Strings {
					out[0].Strings[i], out[1].Strings[i] = strings.ToUpper(s), s
				}
				return nil
			}}, nil
	case model == "scores":
		return identity(graph.Classification, f32("x", -1, 3), graph.Output{Name: "output", Shape: []int{-1, 3}, Labels: []string{"cat", "dog", "cow"}}), nil
	case model == "chance":
		return identity(graph.Classification, f32("x", -1, 1), graph.Output{Name: "output", Shape: []int{-1, 1}, Labels: []string{"no", "yes"}}), nil
	case model == "open":
		return identity("", f32("x", -1, -1), graph.Output{Name: "y", Shape: []int{-1, -1}}), nil
	case model == "named":
		r := identity("", f32("inputs", -1, 2), graph.Output{Name: "scores", Shape: []int{-1, 2}})
		same := r.Func
		r.Sig.Outputs = append(r.Sig.Outputs, graph.Output{Name: "classes", DType: tensor.String, Shape: []int{-1, 2}})
		r.Func = func(in, out []*tensor.Tensor) error {
			out[1].Resize(in[0].Shape...)
			for i := range out[1].Strings {
				out[1].Strings[i] = "class " + string(rune('a'+i%2))
			}
			return same(in, out)
		}
		return r, nil
	case model == "table":
		r := servertest.Sum(2, 1)
		r.Sig.Task, r.Sig.Inputs[0].Columns, r.Sig.Inputs[0].Missing = graph.Regression, []string{"age", "height"}, true
		return r, nil
	case string(data) == "late/1":
		return servertest.Sum(1, 1), nil
	}
	return nil, fmt.Errorf("truncated varint at byte 17: %w", graph.ErrFormat)
}

// identity is a model that answers its one input of numbers.
func identity(task graph.Task, in graph.Input, out graph.Output) *servertest.Runner {
	out.DType = in.DType
	return &servertest.Runner{Sig: graph.Signature{Task: task, Inputs: []graph.Input{in}, Outputs: []graph.Output{out}},
		Func: func(in, out []*tensor.Tensor) error {
			out[0].Resize(in[0].Shape...)
			copy(out[0].Bytes, in[0].Bytes)
			copy(out[0].Strings, in[0].Strings)
			return nil
		}}
}

func TestTranscripts(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: []server.API{tfserving.API{}}, Sources: []server.Source{source{}}, Load: load})
	servertest.Transcripts(t, s.URL())
}
