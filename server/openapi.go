package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
)

// openAPI answers with the document of the listener's routes: for all models, or with ?model=NAME for one, where the
// schemas are those of its inputs.
func (s *Server) openAPI(r *Request) error {
	about := about{models: []string{}, anonymous: !s.keys.demanded.Load()}
	if name := r.Query("model"); len(name) > 0 {
		m, err := r.Models().Lookup(name)
		if err != nil {
			return err
		}
		e, err := m.Engine()
		if err != nil {
			return err
		}
		about.models, about.signature = []string{m.Name}, e.Signature
		about.versions = slices.Sorted(maps.Keys(m.Labels))
		for _, v := range m.Versions {
			about.versions = append(about.versions, strconv.FormatInt(v.Number, 10))
		}
	} else {
		for _, m := range r.Models().Models {
			about.models = append(about.models, m.Name)
		}
	}
	text, err := document(r.listener.router.routes, about)
	if err != nil {
		return err
	}
	r.ReplyJSON(text)
	return nil
}

// OpenAPI is the document of all routes of a server with the given configuration, as JSON.
func OpenAPI(cfg Config) ([]byte, error) {
	s := &Server{cfg: cfg}
	return document(s.Routes(), about{})
}

// about is what a document is about.
type about struct {
	models    []string         // names to put in paths
	versions  []string         // numbers and labels of the only one of them
	signature *graph.Signature // of the only one of models, nil for a document of all models
	anonymous bool             // no credential is needed
}

type (
	operation struct {
		Summary    string                 `json:"summary"`
		ID         string                 `json:"operationId"`
		Tags       []string               `json:"tags"`
		Parameters []parameter            `json:"parameters,omitempty"`
		Body       *bodyDoc               `json:"requestBody,omitempty"`
		Responses  map[string]responseDoc `json:"responses"`
		Security   []map[string][]string  `json:"security"`
	}
	parameter struct {
		Name     string `json:"name"`
		In       string `json:"in"`
		Text     string `json:"description,omitempty"`
		Required bool   `json:"required"`
		Schema   Schema `json:"schema"`
	}
	bodyDoc struct {
		Required bool               `json:"required"`
		Content  map[string]mediaOf `json:"content"`
	}
	responseDoc struct {
		Text    string             `json:"description"`
		Content map[string]mediaOf `json:"content,omitempty"`
	}
	mediaOf struct {
		Schema Schema `json:"schema"`
	}
)

// document is the OpenAPI 3.1 document of the routes. Paths that end in {*} have no form there and are left out.
func document(routes []Route, about about) ([]byte, error) {
	paths := map[string]map[string]operation{}
	for i := range routes {
		r := &routes[i]
		if strings.HasSuffix(r.Path, "{*}") {
			continue
		}
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]operation{}
		}
		paths[r.Path][strings.ToLower(r.Method)] = r.operation(about)
	}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{"title": "hotpath", "version": "1", "license": map[string]string{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Inference and its management. Errors are JSON; 429, 503 and 504 say in Retry-After when to ask again."},
		"servers": []map[string]string{{"url": "/"}},
		"paths":   paths,
		"components": map[string]any{"securitySchemes": map[string]any{
			"bearer": Schema{"type": "http", "scheme": "bearer", "description": "an API key"},
			"key":    Schema{"type": "apiKey", "in": "header", "name": "X-API-Key"},
			"basic":  Schema{"type": "http", "scheme": "basic", "description": "an API key as the password, for browsers"},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	return text, nil
}

// namePattern is what names of models, labels and aliases are; registry.CheckName proves them.
const namePattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"

// operation is the entry of a route.
func (r *Route) operation(about about) operation {
	op := operation{Summary: r.Doc.Summary, ID: operationID(r), Tags: []string{tag(r.Path)}, Responses: map[string]responseDoc{}}
	parts, _ := splitPath(r.Path) // the table has been checked
	for i := 1; i < len(parts); i += 2 {
		schema := Schema{"type": "string", "pattern": namePattern}
		if parts[i] == "version" {
			schema = Schema{"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}
		}
		if parts[i] == "model" && len(about.models) > 0 {
			schema["enum"] = about.models
		}
		op.Parameters = append(op.Parameters, parameter{parts[i], "path", "", true, schema})
	}
	op.Parameters = append(op.Parameters, named("query", r.Doc.Query, about)...)
	op.Parameters = append(op.Parameters, named("header", r.Doc.Headers, about)...)
	if r.takesBody() {
		op.Body = &bodyDoc{Required: !r.Doc.Optional, Content: map[string]mediaOf{}}
		if r.Doc.Body != nil {
			op.Body.Content["application/json"] = mediaOf{r.Doc.Body(about.signature)}
		}
		for _, media := range r.Doc.Others {
			op.Body.Content[media] = mediaOf{Schema{}}
		}
	}
	answer := responseDoc{http.StatusText(fasthttp.StatusOK), map[string]mediaOf{}}
	if r.Doc.Answer != nil {
		answer.Content["application/json"] = mediaOf{r.Doc.Answer}
	}
	for _, media := range r.Doc.Media {
		answer.Content[media] = mediaOf{Schema{}}
	}
	op.Responses["200"] = answer
	schema := Object(map[string]Schema{"error": Text()}, "error")
	if r.Doc.Error != nil { // which is written once the route is known
		schema = Schema{"anyOf": []Schema{schema, r.Doc.Error}}
	}
	for _, status := range r.errors() {
		op.Responses[strconv.Itoa(status)] = responseDoc{http.StatusText(status), map[string]mediaOf{"application/json": {schema}}}
	}
	op.Security = []map[string][]string{}
	if r.Right != Public {
		op.Security = append(op.Security, map[string][]string{"bearer": {}}, map[string][]string{"key": {}}, map[string][]string{"basic": {}})
	}
	if about.anonymous || r.Right == Public {
		op.Security = append(op.Security, map[string][]string{})
	}
	return op
}

func (r *Route) takesBody() bool { return r.Doc.Body != nil || len(r.Doc.Others) > 0 }

// errors is the statuses of refusals that a route can answer with, 500 aside, which is our fault.
func (r *Route) errors() []int {
	list := []int{fasthttp.StatusBadRequest, fasthttp.StatusForbidden, fasthttp.StatusMisdirectedRequest, fasthttp.StatusRequestHeaderFieldsTooLarge}
	if r.Right != Public {
		list = append(list, fasthttp.StatusUnauthorized)
	}
	if r.takesBody() {
		list = append(list, fasthttp.StatusRequestTimeout, fasthttp.StatusRequestEntityTooLarge, fasthttp.StatusUnsupportedMediaType, fasthttp.StatusTooManyRequests)
	}
	list = append(list, r.Doc.Errors...)
	slices.Sort(list)
	return slices.Compact(list)
}

// named is parameters in the order of their names.
func named(in string, texts map[string]string, about about) (list []parameter) {
	for name, text := range texts {
		schema := Text()
		switch {
		case in == "query" && name == "model" && about.signature != nil:
			schema["enum"] = about.models
		case in == "query" && name == "version" && about.signature != nil:
			schema["enum"] = about.versions
		case in == "query": // all are names, and an empty one is none
			schema["pattern"] = "^$|" + namePattern
		}
		list = append(list, parameter{name, in, text, false, schema})
	}
	slices.SortFunc(list, func(a, b parameter) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// operationID is a name that generators of clients can use: getV2ModelsModel.
func operationID(r *Route) string {
	id := strings.ToLower(r.Method)
	for _, word := range strings.FieldsFunc(r.Path, func(c rune) bool { return c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// tag groups routes by the beginning of their paths.
func tag(path string) string {
	for _, group := range []string{"/v2", "/v1/models", "/tfs", "/v1", "/openai", "/admin", "/ui"} {
		if strings.HasPrefix(path, group) {
			return group[1:]
		}
	}
	return "hotpath"
}
