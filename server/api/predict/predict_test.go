package predict_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/servertest"
)

// echo is a model whose outputs are copies of its input.
func echo(shape []int, outputs ...graph.Output) server.Runner {
	return &servertest.Runner{
		Sig: graph.Signature{Inputs: []graph.Input{{Name: "x", DType: tensor.Float32, Shape: shape, Missing: true}}, Outputs: outputs},
		Func: func(in, out []*tensor.Tensor) error {
			for i, o := range outputs {
				out[i].Resize(in[0].Shape...)
				for j, v := range tensor.Data[float32](in[0]) {
					switch o.DType {
					case tensor.Float32:
						tensor.Data[float32](out[i])[j] = v
					case tensor.Int64:
						tensor.Data[int64](out[i])[j] = int64(v)
					case tensor.String:
						out[i].Strings[j] = strings.Repeat("<", int(v))
					}
				}
			}
			return nil
		},
	}
}

func output(name string, d tensor.DType) graph.Output { return graph.Output{Name: name, DType: d} }

func TestAnswers(t *testing.T) {
	models := map[string]server.Runner{
		"narrow": echo([]int{-1, 1}, output("output", tensor.Float32)),
		"wide":   echo([]int{-1, 2}, output("output", tensor.Float32)),
		"cube":   echo([]int{-1, 1, 2}, output("output", tensor.Float32)),
		"named":  echo([]int{-1, 1}, output("a", tensor.Float32), output("output", tensor.Int64)),
		"scores": echo([]int{-1, 2}, output("label", tensor.Int64), output("probabilities", tensor.Float32)),
		"text":   echo([]int{-1, 1}, output("label", tensor.String)),
	}
	var sources []server.Source
	for name := range models {
		sources = append(sources, server.Embedded{Name: name, Data: []byte(name)})
	}
	s := servertest.Start(t, server.Config{APIs: []server.API{predict.API{}}, Sources: sources,
		Load: func(data []byte) (server.Runner, error) { return models[string(data)], nil }})
	for _, tc := range []struct{ model, rows, want string }{
		{"narrow", `[[1], [2.5]]`, `[1,2.5]`},
		{"narrow", `[[0.1], [1e-7], [16777216], [-0]]`, `[0.1,1e-07,1.6777216e+07,-0]`},
		{"narrow", `[[null]]`, `[null]`},
		{"wide", `[[1, 2]]`, `[[1,2]]`},
		{"wide", `[[1, 2], [3, 4]]`, `[[1,2],[3,4]]`},
		{"cube", `[[[1, 2]], [[3, 4]]]`, `[[[1,2]],[[3,4]]]`},
		{"named", `[[7.9]]`, `[7]`},
		{"scores", `[[1.5, 2]]`, `[[1.5,2]]`},
		{"text", `[[2]]`, `["\u003c\u003c"]`},
	} {
		resp, err := http.Post(s.URL()+"/predict?model="+tc.model, "application/json", strings.NewReader(`{"input_data": `+tc.rows+`}`))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := `{"prediction": ` + tc.want + "}\n"; string(body) != want {
			t.Errorf("%s %s: %s, want %s", tc.model, tc.rows, body, want)
		}
	}
}

// TestTooManyRows is refused before anything is computed.
func TestTooManyRows(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: []server.API{predict.API{}}, Sources: servertest.Source("m", servertest.Model(1, 1)), MaxRows: 10})
	for rows, want := range map[int]int{10: 200, 11: 413} {
		resp, err := http.Post(s.URL()+"/predict", "", strings.NewReader(`{"input_data": [`+strings.Repeat("[1],", rows-1)+`[1]]}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d rows: %d, want %d", rows, resp.StatusCode, want)
		}
	}
}
