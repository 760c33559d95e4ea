package openai_test

import (
	"regexp"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/openai"
	"github.com/hotpath/hotpath/server/api/tfserving"
	"github.com/hotpath/hotpath/server/servertest"
)

// runs counts the runs of the model of vectors.
var runs int

// load makes "vectors", which answers [sum of the ids, number of tokens by the mask, number of segments], or a model
// that makes no embeddings.
func load(independent bool) func(data []byte) (server.Runner, error) {
	return func(data []byte) (server.Runner, error) {
		if string(data) != "vectors" {
			return servertest.Sum(3, 1), nil
		}
		ids := func(name string) graph.Input {
			return graph.Input{Name: name, DType: tensor.Int64, Shape: []int{-1, -1}}
		}
		return &servertest.Runner{
			Sig: graph.Signature{Inputs: []graph.Input{ids("input_ids"), ids("attention_mask"), ids("token_type_ids")},
				Outputs:        []graph.Output{{Name: "all", DType: tensor.Float32, Shape: []int{-1, -1, 3}}, {Name: "vector", DType: tensor.Float32, Shape: []int{-1, 3}}},
				RowIndependent: independent},
			Func: func(in, out []*tensor.Tensor) error {
				runs++
				rows, n := in[0].Shape[0], in[0].Shape[1]
				out[0].Resize(rows, n, 3)
				out[1].Resize(rows, 3)
				clear(out[1].Bytes)
				for r := range rows {
					for i := range n {
						for j, t := range in {
							tensor.Data[float32](out[1])[3*r+j] += float32(tensor.Data[int64](t)[r*n+i])
						}
					}
				}
				return nil
			}}, nil
	}
}

func start(t *testing.T, independent bool) string {
	sources := []server.Source{server.Embedded{Name: "vectors", Data: []byte("vectors")}, server.Embedded{Name: "other", Data: []byte("other")}}
	return servertest.Start(t, server.Config{APIs: []server.API{openai.API{}, tfserving.API{}}, Sources: sources, Load: load(independent)}).URL()
}

func TestEmbeddings(t *testing.T) {
	url := start(t, true)
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"one input", `{"model": "vectors", "input": [1, 2, 4]}`, 200, `{"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [7,3,0]}], "model": "vectors", "usage": {"prompt_tokens": 3, "total_tokens": 3}}`},
		{"of unequal lengths", `{"input": [[1, 2], [3, 4], [5]], "model": "vectors", "encoding_format": "float", "user": "u", "dimensions": 3}`, 200,
			`{"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [3,2,0]},{"object": "embedding", "index": 1, "embedding": [7,2,0]},{"object": "embedding", "index": 2, "embedding": [5,1,0]}], "model": "vectors", "usage": {"prompt_tokens": 5, "total_tokens": 5}}`},
		{"base64", `{"model": "vectors", "input": [1, 2, 4], "encoding_format": "base64"}`, 200, `{"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": "AADgQAAAQEAAAAAA"}], "model": "vectors", "usage": {"prompt_tokens": 3, "total_tokens": 3}}`},
		{"text", `{"model": "vectors", "input": "hi"}`, 400, `{"error": {"message": "input: text needs a tokenizer, which models here do not have yet; send token ids, as a list of numbers or a list of such lists", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"texts", `{"model": "vectors", "input": ["hi"]}`, 400, `{"error": {"message": "input[0]: text needs a tokenizer, which models here do not have yet; send token ids, as a list of numbers or a list of such lists", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"no model", `{"input": [1]}`, 400, `{"error": {"message": "you must provide a model parameter", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"unknown model", `{"model": "gpt", "input": [1]}`, 404, `{"error": {"message": "The model 'gpt' does not exist", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"no input", `{"model": "vectors", "input": []}`, 400, `{"error": {"message": "input: expected a list of token ids, or a list of such lists", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"an empty input", `{"model": "vectors", "input": [[1], []]}`, 400, `{"error": {"message": "input[1]: an empty input", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"mixed", `{"model": "vectors", "input": [1, [2]]}`, 400, `{"error": {"message": "input[1]: expected a token id, found an array", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"mixed, the other way", `{"model": "vectors", "input": [[2], 1]}`, 400, `{"error": {"message": "input[1]: expected a list of token ids, found a number", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"another length", `{"model": "vectors", "input": [1], "dimensions": 2}`, 400, `{"error": {"message": "dimensions: this model's vectors have 3, it was not trained for other lengths", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"unknown argument", `{"model": "vectors", "input": [1], "x": 2}`, 400, `{"error": {"message": "x: Unrecognized request argument supplied", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"not a model of vectors", `{"model": "other", "input": [1]}`, 400, `{"error": {"message": "this model makes no embeddings: input \"input\" is not a table of token ids", "type": "invalid_request_error", "param": null, "code": null}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, answer, _ := servertest.Send(t, "POST", url+"/v1/embeddings", c.body); status != c.status || answer != c.want {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}

// TestTogether runs inputs of one length at once only where rows are proven independent.
func TestTogether(t *testing.T) {
	for independent, want := range map[bool]int{true: 2, false: 3} {
		url := start(t, independent)
		runs = 0
		if status, answer, _ := servertest.Send(t, "POST", url+"/openai/v1/embeddings", `{"model": "vectors", "input": [[1, 2], [3, 4], [5]]}`); status != 200 || runs != want {
			t.Errorf("independent %v: %d runs, expected %d: %d %s", independent, runs, want, status, answer)
		}
	}
}

func TestModels(t *testing.T) {
	url := start(t, true)
	created := regexp.MustCompile(`"created": ?\d+`)
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/models", 200, `{"object":"list","data":[{"id":"other","object":"model",CREATED,"owned_by":"hotpath"},{"id":"vectors","object":"model",CREATED,"owned_by":"hotpath"}],"models":["other","vectors"]}`},
		{"/openai/v1/models", 200, `{"object":"list","data":[{"id":"other","object":"model",CREATED,"owned_by":"hotpath"},{"id":"vectors","object":"model",CREATED,"owned_by":"hotpath"}]}`},
		{"/openai/v1/models/vectors", 200, `{"id":"vectors","object":"model",CREATED,"owned_by":"hotpath"}`},
		{"/openai/v1/models/gpt", 404, `{"error": {"message": "The model 'gpt' does not exist", "type": "invalid_request_error", "param": null, "code": null}}`},
		{"/v1/models/vectors", 200, "{\n \"model_version_status\": [\n  {\n   \"version\": \"1\",\n   \"state\": \"AVAILABLE\",\n   \"status\": {\n    \"error_code\": \"OK\",\n    \"error_message\": \"\"\n   }\n  }\n ],\n" +
			" \"id\": \"vectors\",\n \"object\": \"model\",\n CREATED,\n \"owned_by\": \"hotpath\",\n \"name\": \"vectors\",\n \"ready\": true\n}\n"},
	} {
		status, answer, _ := servertest.Send(t, "GET", url+c.path, "")
		if answer = created.ReplaceAllString(answer, "CREATED"); status != c.status || answer != c.want {
			t.Errorf("%s: %d %s", c.path, status, answer)
		}
	}
}
