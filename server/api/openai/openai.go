// Package openai is the part of OpenAI's API that models of vectors have: the list of models, and embeddings of token
// ids.
//
//	platform.openai.com/docs/api-reference/embeddings and /models
package openai

import (
	"encoding/json"
	"fmt"

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
		{Method: "GET", Path: "/v1/models", Handle: list(true)},
		{Method: "GET", Path: "/openai/v1/models", Handle: list(false)},
		{Method: "GET", Path: "/openai/v1/models/{model}", Handle: retrieve},
		{Method: "POST", Path: "/v1/embeddings", Handle: embeddings},
		{Method: "POST", Path: "/openai/v1/embeddings", Handle: embeddings},
	}
	for i := range routes {
		routes[i].Right, routes[i].Error = server.Predict, appendError
	}
	return routes
}

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

// list names the models that answer; with names as KServe's version 1 lists them beside.
func list(names bool) func(*server.Request) error {
	return func(r *server.Request) error {
		answer := struct {
			Object string   `json:"object"`
			Data   []model  `json:"data"`
			Models []string `json:"models,omitempty"`
		}{Object: "list", Data: []model{}}
		for _, m := range r.Models().Models {
			if m.Serving == nil && !m.Coming() {
				continue
			}
			answer.Data = append(answer.Data, describe(m))
			if names {
				answer.Models = append(answer.Models, m.Name)
			}
		}
		return replyJSON(r, answer)
	}
}

func retrieve(r *server.Request) error {
	m, err := r.Models().Lookup(r.ParamBytes(0))
	if err != nil || len(r.ParamBytes(0)) == 0 {
		return server.Fail(server.ErrNotFound, "The model '%s' does not exist", r.Param(0))
	}
	return replyJSON(r, describe(m))
}

func replyJSON(r *server.Request, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	r.ReplyJSON(text)
	return nil
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
