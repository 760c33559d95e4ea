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
// two inputs and two outputs; one with text; and one whose newest version is broken.
type source struct{}

func (source) Scan() (offers []server.Offer, err error) {
	for _, o := range []server.Offer{
		{Model: "half_plus_two", Version: 122, Labels: []string{"stable"}},
		{Model: "half_plus_two", Version: 123, Labels: []string{"canary"}},
		{Model: "pair", Version: 1}, {Model: "text", Version: 1}, {Model: "late", Version: 1}, {Model: "late", Version: 2},
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
	case string(data) == "late/1":
		return servertest.Sum(1, 1), nil
	}
	return nil, fmt.Errorf("truncated varint at byte 17: %w", graph.ErrFormat)
}

func TestTranscripts(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: []server.API{tfserving.API{}}, Sources: []server.Source{source{}}, Load: load})
	servertest.Transcripts(t, s.URL())
}
