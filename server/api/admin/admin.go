// Package admin is the management of a registry over HTTP, for callers with an admin key:
//
//	GET    /admin/models                                   what there is, with states and settings
//	POST   /admin/models/{name}[?label=L]                  publish: a model file, or with signature and recorded inputs (see publish.go)
//	DELETE /admin/models/{name}[/versions/{version}]       remove a model, or a version that no label points to
//	PUT    /admin/models/{name}/labels/{label}             {"version": N}
//	POST   /admin/models/{name}/labels/{label}/rollback    back to where it was before its last move
//	PUT    /admin/models/{name}/policy                     {"policy": "latest:2"}, "" for the server's
//	PUT    /admin/models/{name}/split                      {"weights": {"stable": 90, "canary": 10}}, {} for none
//	POST   /admin/models/{name}/load, …/unload             into and out of memory
//	PUT    /admin/aliases/{alias}                          {"model": NAME}
//	DELETE /admin/aliases/{alias}
//	POST   /admin/prune                                    remove files of the registry that nothing refers to
//
// Changes are durable when they are answered, and the server looks at them at once.
package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// API is the wire format.
type API struct {
	Store *registry.Store // nil: models come from elsewhere, and only what is in memory is managed
	// Check proves that bytes are a model that can be served and runs recorded inputs, and tells its provenance.
	Check func(model []byte, warmup [][]byte) (provenance map[string]string, err error)
	// Access decrypts what is published encrypted, and may demand that all of it is signed.
	Access registry.Access
}

// Routes implements server.API.
func (a API) Routes() []server.Route {
	const models, model = "/admin/models", "/admin/models/{name}"
	routes := []server.Route{
		{Method: "GET", Path: models, Handle: a.list, Doc: server.Doc{Summary: "What there is, with states and settings", Answer: server.SchemaOf(listing{})}},
		{Method: "POST", Path: model + "/load", Doc: order("Bring a model into memory"),
			Handle: func(r *server.Request) error { return give(r, r.Server().LoadModel) }},
		{Method: "POST", Path: model + "/unload", Doc: order("Take a model out of memory until it is loaded again"),
			Handle: func(r *server.Request) error { return give(r, r.Server().UnloadModel) }},
	}
	if a.Store != nil {
		routes = append(routes, a.registry(model)...)
	}
	for i := range routes {
		routes[i].Right, routes[i].Place = server.Admin, server.Everywhere
		routes[i].Scoped = strings.HasPrefix(routes[i].Path, models)
	}
	return routes
}

// registry is the routes that change what is stored.
func (a API) registry(model string) []server.Route {
	return []server.Route{
		{Method: "POST", Path: model, Handle: a.publish, MaxBody: maxUpload, Doc: publishDoc},
		{Method: "DELETE", Path: model, Handle: a.deleteModel, Doc: deleteDoc},
		{Method: "DELETE", Path: model + "/versions/{version}", Handle: a.deleteVersion, Doc: deleteDoc},
		{Method: "PUT", Path: model + "/labels/{label}", Handle: a.label, Doc: labelDoc},
		{Method: "POST", Path: model + "/labels/{label}/rollback", Handle: a.rollback, Doc: rollbackDoc},
		{Method: "PUT", Path: model + "/policy", Handle: a.policy, Doc: policyDoc},
		{Method: "PUT", Path: model + "/split", Handle: a.split, Doc: splitDoc},
		{Method: "PUT", Path: "/admin/aliases/{alias}", Handle: a.alias, Doc: aliasDoc},
		{Method: "DELETE", Path: "/admin/aliases/{alias}", Handle: a.deleteAlias, Doc: deleteAliasDoc},
		{Method: "POST", Path: "/admin/prune", Handle: a.prune, Doc: pruneDoc},
	}
}

type published struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	registry.Version
}

func (a API) deleteModel(r *server.Request) error { return a.delete(r, 0) }

func (a API) deleteVersion(r *server.Request) error {
	n, err := version(r.Param(1))
	if err != nil {
		return err
	}
	return a.delete(r, n)
}

func (a API) prune(r *server.Request) error {
	removed, err := a.Store.Prune()
	if err != nil {
		return explain(err)
	}
	r.Audited(removed...)
	return reply(r, map[string]any{"removed": append([]string{}, removed...)})
}

func (a API) delete(r *server.Request, n int64) error {
	m, _ := a.Store.Show(r.Param(0))
	if err := a.Store.Delete(r.Param(0), n); err != nil {
		return explain(err)
	}
	if n != 0 {
		r.Audited(m.Digest(n))
	}
	return done(r, map[string]any{"name": r.Param(0), "deleted": n, "all": n == 0})
}

func (a API) label(r *server.Request) error {
	var body struct {
		Version whole `json:"version"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := a.Store.Label(r.Param(0), r.Param(1), int64(body.Version)); err != nil {
		return explain(err)
	}
	return a.moved(r, int64(body.Version))
}

func (a API) rollback(r *server.Request) error {
	n, err := a.Store.Rollback(r.Param(0), r.Param(1))
	if err != nil {
		return explain(err)
	}
	return a.moved(r, n)
}

func (a API) moved(r *server.Request, n int64) error {
	m, _ := a.Store.Show(r.Param(0)) // for the log alone
	r.Audited(fmt.Sprint(n), m.Digest(n))
	return done(r, map[string]any{"name": r.Param(0), "label": r.Param(1), "version": n})
}

func (a API) policy(r *server.Request) error {
	var body struct {
		Policy string `json:"policy"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Policy != "" {
		if _, err := server.ParsePolicy(body.Policy); err != nil {
			return server.Fail(server.ErrRequest, "%v", err)
		}
	}
	if err := a.Store.SetPolicy(r.Param(0), body.Policy); err != nil {
		return explain(err)
	}
	r.Audited(body.Policy)
	return done(r, map[string]any{"name": r.Param(0), "policy": body.Policy})
}

func (a API) split(r *server.Request) error {
	var body struct {
		Weights map[string]whole `json:"weights"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	var weights map[string]int
	for label, w := range body.Weights {
		if weights == nil {
			weights = map[string]int{}
		}
		weights[label] = int(w)
	}
	if err := a.Store.SetSplit(r.Param(0), weights); err != nil {
		return explain(err)
	}
	r.Audited(fmt.Sprint(weights))
	return done(r, map[string]any{"name": r.Param(0), "split": weights})
}

func (a API) alias(r *server.Request) error {
	var body struct {
		Model string `json:"model"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := a.Store.SetAlias(r.Param(0), body.Model); err != nil {
		return explain(err)
	}
	r.Audited(body.Model)
	return done(r, map[string]any{"alias": r.Param(0), "model": body.Model})
}

func (a API) deleteAlias(r *server.Request) error {
	if err := a.Store.DeleteAlias(r.Param(0)); err != nil {
		return explain(err)
	}
	return done(r, map[string]any{"alias": r.Param(0), "deleted": true})
}

func give(r *server.Request, f func(string) error) error {
	if err := f(r.Param(0)); err != nil {
		return err
	}
	return reply(r, map[string]any{"name": r.Param(0), "done": true})
}

// done answers a change and has the server look at it.
func done(r *server.Request, v any) error {
	r.Refresh()
	return reply(r, v)
}

func reply(r *server.Request, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	r.ReplyJSON(append(text, '\n'))
	return nil
}

func version(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, server.Fail(server.ErrRequest, "version: expected a number from 1")
	}
	return n, nil
}

// maxChange is the largest body of a change other than a model.
const maxChange = 64 << 10

// decode reads a small JSON object without unknown keys.
func decode(r *server.Request, into any) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	if len(body) > maxChange {
		return server.Fail(server.ErrTooLarge, "body: larger than the limit of %d bytes", maxChange)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError // its text has Go types
		if errors.As(err, &kind) {
			return server.Fail(server.ErrRequest, "%s: unexpected %s", strings.TrimSuffix("body."+kind.Field, "."), kind.Value)
		}
		return server.Fail(server.ErrRequest, "body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.More() {
		return server.Fail(server.ErrRequest, "body: expected one JSON object")
	}
	return nil
}

// explain gives errors of the registry and of models the class that has their HTTP status.
func explain(err error) error {
	for _, c := range []struct{ of, class error }{
		{registry.ErrNotFound, server.ErrNotFound}, {registry.ErrName, server.ErrRequest}, {registry.ErrWeight, server.ErrRequest}, {registry.ErrLimit, server.ErrTooLarge},
		{registry.ErrInUse, server.ErrConflict}, {registry.ErrSignature, server.ErrForbidden}, {registry.ErrLocked, server.ErrUnavailable},
		{graph.ErrFormat, graph.ErrInput}, {graph.ErrModel, graph.ErrInput}, {graph.ErrUnsupported, graph.ErrInput}, {graph.ErrLimit, graph.ErrLimit},
	} {
		if errors.Is(err, c.of) {
			return server.Fail(c.class, "%v", err)
		}
	}
	return err
}
