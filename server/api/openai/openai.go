// Package openai is the part of OpenAI's API that models of vectors have: the list of models, and embeddings of token
// ids.
//
//	platform.openai.com/docs/api-reference/embeddings and /models
package openai

import (
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// API is the wire format.
type API struct{}

// Routes implements server.API. Paths begin with /v1 as the clients' default has it, and with /openai/v1 where one
// wants no other API's keys in the answer: a list of models at /v1/models is that of KServe's version 1 too, and
// /v1/models/NAME is answered by package tfserving with the keys of all three.
func (API) Routes() []server.Route {
	routes := []server.Route{
		{Method: "GET", Path: "/v1/models", Handle: list(true), Doc: listDoc},
		{Method: "GET", Path: "/openai/v1/models", Handle: list(false), Doc: listDoc},
		{Method: "GET", Path: "/openai/v1/models/{model}", Handle: retrieve,
			Doc: server.Doc{Summary: "OpenAI: one model", Answer: server.SchemaOf(model{}), Errors: server.NamesModel}},
		{Method: "POST", Path: "/v1/embeddings", Handle: embeddings, Doc: embeddingsDoc},
		{Method: "POST", Path: "/openai/v1/embeddings", Handle: embeddings, Doc: embeddingsDoc},
	}
	for i := range routes {
		routes[i].Right, routes[i].Error, routes[i].Doc.Error = server.Predict, appendError, errorDoc
	}
	return routes
}

// What the routes take and answer.
var (
	listDoc  = server.Doc{Summary: "OpenAI: the models that answer", Answer: server.SchemaOf(modelList{})}
	errorDoc = server.Object(map[string]server.Schema{"error": server.Object(map[string]server.Schema{
		"message": server.Text(), "type": server.Text(), "param": {"type": "null"}, "code": {"type": "null"}}, "message", "type", "param", "code")}, "error")
	embeddingsDoc = server.Doc{Summary: "OpenAI: vectors for lists of token ids", Errors: server.RunsModel,
		Body: server.Fixed(server.Object(map[string]server.Schema{
			"model":           {"type": "string", "minLength": 1},
			"input":           {"anyOf": []server.Schema{server.List(server.Whole(0), 1), server.List(server.List(server.Whole(0), 1), 1)}},
			"encoding_format": {"enum": []string{"float", "base64"}}, "dimensions": server.Whole(1), "user": server.Text(),
		}, "model", "input")),
		Answer: server.OpenObject(map[string]server.Schema{
			"object": {"const": "list"}, "model": server.Text(),
			"data": server.List(server.Object(map[string]server.Schema{"object": {"const": "embedding"}, "index": server.Whole(0),
				"embedding": {"anyOf": []server.Schema{server.Text(), server.List(server.SchemaOf(new(float32)), 0)}}},
				"object", "index", "embedding"), 1),
			"usage": server.Object(map[string]server.Schema{"prompt_tokens": server.Whole(0), "total_tokens": server.Whole(0)}, "prompt_tokens", "total_tokens"),
		}, "object", "data", "model", "usage")}
)

// model is what is told of a model.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // seconds since 1970 at which the version that answers was loaded
	OwnedBy string `json:"owned_by"`
}

func describe(m *server.Model) model {
	d := model{ID: m.Name, Object: "model", OwnedBy: "hotpath"}
	if m.Serving != nil {
		d.Created = m.Serving.Loaded.Unix()
	}
	return d
}

// modelList is the answer of list.
type modelList struct {
	Object string   `json:"object"`
	Data   []model  `json:"data"`
	Models []string `json:"models,omitempty"`
}

// list names the models that answer; with names as KServe's version 1 lists them beside.
func list(names bool) func(*server.Request) error {
	return func(r *server.Request) error {
		answer := modelList{Object: "list", Data: []model{}}
		for _, m := range r.Models().Models {
			if m.Serving == nil && !m.Coming() {
				continue
			}
			answer.Data = append(answer.Data, describe(m))
			if names {
				answer.Models = append(answer.Models, m.Name)
			}
		}
		return r.ReplyValue(answer)
	}
}

func retrieve(r *server.Request) error {
	m, err := r.Models().Lookup(r.ParamBytes(0))
	if err != nil || len(r.ParamBytes(0)) == 0 {
		return server.Fail(server.ErrNotFound, "The model '%s' does not exist", r.Param(0))
	}
	return r.ReplyValue(describe(m))
}

// appendError writes an error in OpenAI's form; its type follows from the status.
func appendError(dst []byte, status int, text string) []byte {
	kind := "invalid_request_error"
	switch {
	case status == 401:
		kind = "authentication_error"
	case status == 403:
		kind = "permission_error"
	case status == 429:
		kind = "rate_limit_error"
	case status >= 500:
		kind = "server_error"
	}
	dst = append(dst, `{"error": {"message": `...)
	dst = jsontensor.AppendString(dst, text)
	dst = append(dst, `, "type": "`...)
	dst = append(dst, kind...)
	return append(dst, `", "param": null, "code": null}}`...)
}
