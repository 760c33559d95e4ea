// Package ui is the web page of a server: try a model, watch rate and latency, see which versions are served. It is
// plain HTML, CSS and JavaScript inside the binary and loads nothing from anywhere else.
package ui

import (
	"embed"
	"path"
	"strconv"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/metrics"
)

//go:embed page
var files embed.FS

// Page is the page and the two JSON documents it lives on.
type Page struct{}

// policy lets the page use its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// inputsPath is of what a sample of requests looked like.
const inputsPath = "/ui/inputs/{model}"

// Routes implements server.API.
func (Page) Routes() []server.Route {
	return append(pageFiles(),
		server.Route{Method: "GET", Path: "/ui/stats", Right: server.Predict, Page: true, Handle: stats,
			Doc: server.Doc{Summary: "What the page draws: the last minute", Answer: server.Schema{"type": "object"}}},
		server.Route{Method: "GET", Path: "/ui/models", Right: server.Predict, Page: true, Handle: models,
			Doc: server.Doc{Summary: "What the page shows of models", Answer: server.Object(map[string]server.Schema{"models": server.SchemaOf([]modelInfo{})}, "models")}},
		server.Route{Method: "GET", Path: "/ui/manage", Right: server.Predict, Page: true, Handle: manage,
			Doc: server.Doc{Summary: "What the page may offer its user", Answer: server.Object(map[string]server.Schema{"inputs": server.Truth(), "labels": server.Truth()}, "inputs", "labels")}},
		server.Route{Method: "GET", Path: inputsPath, Right: server.Monitor, Page: true, Handle: inputs,
			Doc: server.Doc{Summary: "What a sample of requests looked like", Query: map[string]string{"version": "a loaded version; the serving one without it"},
				Answer: server.Schema{"type": "object"}, Errors: server.NamesModel}})
}

// mediaTypes are those of the files of the page.
var mediaTypes = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// pageFiles is a route for each file of the page.
func pageFiles() (routes []server.Route) {
	entries, err := files.ReadDir("page")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, e := range entries {
		at := "/ui/" + e.Name()
		if e.Name() == "index.html" {
			at = "/"
		}
		routes = append(routes, file(at, "page/"+e.Name(), mediaTypes[path.Ext(e.Name())]))
	}
	return routes
}

func file(at, name, contentType string) server.Route {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	doc := server.Doc{Summary: "A file of the page", Media: []string{contentType}}
	return server.Route{Method: "GET", Path: at, Right: server.Predict, Page: true, Doc: doc, Handle: func(r *server.Request) error {
		r.Header("Content-Security-Policy", policy)
		r.Header("X-Content-Type-Options", "nosniff")
		r.Header("Referrer-Policy", "no-referrer")
		r.Header("Cache-Control", "no-cache")
		r.Reply(contentType, data)
		return nil
	}}
}

// stats is the last minute, polled by the page each second.
func stats(r *server.Request) error {
	inFlight, queued := r.Load()
	return reply(r, struct {
		metrics.Live
		InFlight int                 `json:"in_flight"`
		Queued   int                 `json:"queued"`
		Models   []metrics.LiveModel `json:"models"`
	}{r.Live(), inFlight, queued, r.LiveModels()})
}

// manage says what the page has for this caller beside what all see: the values that models get, and moves of labels
// where there is a registry.
func manage(r *server.Request) error {
	return reply(r, map[string]bool{"inputs": r.May("GET", inputsPath), "labels": r.May("PUT", "/admin/models/{name}/labels/{label}")})
}

// inputs is what a sample of the requests to a version looked like, the serving one if none is named. It tells of other callers, so it needs the
// right that metrics need.
func inputs(r *server.Request) error {
	m, err := r.Models().Lookup(r.ParamBytes(0))
	if err != nil {
		return err
	}
	e, err := m.Engine()
	if v := r.Query("version"); len(v) > 0 {
		n, _ := strconv.ParseInt(string(v), 10, 64) // 0 is no version
		if e, err = m.Version(n), nil; e == nil {
			err = server.Fail(server.ErrNotFound, "this version is not loaded")
		}
	}
	if err != nil {
		return err
	}
	in, out := e.Distribution().Summaries()
	return reply(r, map[string]any{"model": m.Name, "version": e.Version, "inputs": in, "outputs": out})
}

type (
	modelInfo struct {
		Name     string           `json:"name"`
		Default  bool             `json:"default"`
		Serving  int64            `json:"serving,omitempty"` // version; absent while none is loaded
		SHA256   string           `json:"sha256,omitempty"`
		Labels   map[string]int64 `json:"labels"`
		Versions []versionInfo    `json:"versions"`
		Task     string           `json:"task,omitempty"`
		Inputs   []inputInfo      `json:"inputs"`
		Outputs  []outputInfo     `json:"outputs"`
	}
	versionInfo struct {
		Number int64        `json:"version"`
		State  server.State `json:"state"`
		Error  string       `json:"error,omitempty"`
	}
	inputInfo struct {
		Name    string   `json:"name"`
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Columns []string `json:"columns,omitempty"`
		Missing bool     `json:"missing,omitempty"`
		Image   []int    `json:"image,omitempty"`
		Max     float32  `json:"max,omitempty"`
	}
	outputInfo struct {
		Name   string   `json:"name"`
		DType  string   `json:"dtype"`
		Labels []string `json:"labels,omitempty"`
	}
)

// models is what is loaded and what the form of each model needs.
func models(r *server.Request) error {
	catalog := r.Models()
	list := []modelInfo{}
	for _, m := range catalog.Models {
		info := modelInfo{Name: m.Name, Default: m == catalog.Default, Labels: m.Labels, Inputs: []inputInfo{}, Outputs: []outputInfo{}}
		for _, v := range m.Versions {
			info.Versions = append(info.Versions, versionInfo{v.Number, v.State, v.Error})
		}
		if e := m.Serving; e != nil {
			info.Serving, info.SHA256, info.Task = e.Version, e.Digest, string(e.Signature.Task)
			for _, in := range e.Signature.Inputs {
				info.Inputs = append(info.Inputs, inputInfo{in.Name, in.DType.String(), in.Shape, in.Columns, in.Missing, in.Image, in.Max})
			}
			for _, out := range e.Signature.Outputs {
				info.Outputs = append(info.Outputs, outputInfo{out.Name, out.DType.String(), out.Labels})
			}
		}
		list = append(list, info)
	}
	return reply(r, map[string]any{"models": list})
}

func reply(r *server.Request, v any) error {
	r.Header("Cache-Control", "no-store")
	return r.ReplyValue(v)
}
