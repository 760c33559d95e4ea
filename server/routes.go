package server

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Right is what a caller needs for a route or a method of gRPC. Each one includes those before it.
type Right int

// The rights. Only health is Public; tests prove it from the table.
const (
	Public  Right = iota - 1 // no credential at all
	Predict                  // any key; what is needed where nothing is said
	Monitor                  // an admin key; open on loopback while there are no keys
	Admin                    // an admin key; without keys only on a loopback admin listener
)

// Place says on which listener a route is.
type Place int

// The places.
const (
	OnMain     Place = iota
	OnAdmin          // on the admin listener only
	OnMonitor        // on the admin listener, or on the main one if there is none
	Everywhere       // on both
)

// Route is a row of the one table of what can be asked of a server: with which right, over HTTP, over gRPC or both ways.
type Route struct {
	Method string // GET also answers HEAD
	// Path is compared with the bytes of the request line, before any decoding: what is routed is what is authorised.
	// {name} stands for one or more bytes other than '/' and ':'; {*} for any rest. A row without a path is of gRPC alone.
	Path  string
	RPC   string // full name of the gRPC method that asks the same, "" for none
	Fold  bool   // letters of Path match either case
	Right Right
	Place Place
	// MaxBody is the largest body where that is not Config.MaxBody: of a handler that reads with BodyStream.
	MaxBody int64
	Page    bool // for a browser, which is asked for a key as a password
	// Scoped routes are of the one model that the first parameter names, or show only models that the caller sees. An admin
	// key that is for some models is good for these alone; routes with the right Predict are all of this kind.
	Scoped bool
	Handle func(*Request) error
	// Error writes the body of an answer with an error; nil for {"error": text}.
	Error func(dst []byte, status int, text string) []byte
	Doc   Doc
}

// maxParams is the largest number of {name} in a path.
const maxParams = 2

// router finds routes by path and method.
type router struct {
	static   map[string]*endpoint   // paths without parameters
	patterns []*endpoint            // in order of the table
	ends     map[string][]*endpoint // those of patterns that a path with this last part may fit, by which most are told apart
	open     []*endpoint            // those that any path may fit
	routes   []Route
}

// endpoint is all routes of one path.
type endpoint struct {
	parts  []string // literals and parameters in turn, a literal first
	fold   bool
	routes []Route
	allow  string
}

func newRouter(routes []Route) (*router, error) {
	rt := &router{static: map[string]*endpoint{}, routes: routes}
	for _, r := range routes {
		parts, err := splitPath(r.Path)
		if err != nil {
			return nil, err
		}
		e := rt.endpoint(parts, r)
		for _, other := range e.routes {
			if other.Method == r.Method {
				return nil, fmt.Errorf("route %s %s is in the table twice", r.Method, r.Path)
			}
		}
		e.routes = append(e.routes, r)
		e.allow = allow(e.routes)
	}
	rt.index()
	return rt, nil
}

// index sorts patterns by their ends.
func (rt *router) index() {
	rt.ends = map[string][]*endpoint{}
	for _, e := range rt.patterns {
		if end := e.end(); end != "" {
			rt.ends[end] = nil
		}
	}
	for _, e := range rt.patterns {
		end := e.end()
		if end == "" {
			rt.open = append(rt.open, e)
		}
		for key := range rt.ends {
			if end == "" || end == key {
				rt.ends[key] = append(rt.ends[key], e)
			}
		}
	}
}

// end is the last part of the paths that fit e, in lower case; "" if they have none in common.
func (e *endpoint) end() string {
	var buf [maxEnd]byte
	return string(lastPart(&buf, []byte(e.parts[len(e.parts)-1])))
}

// maxEnd bounds what is compared of the end of a path.
const maxEnd = 32

// lastPart is what follows the last '/' or ':' of a path, with that and in lower case; nothing if there is none, or it is longer
// than buf.
func lastPart(buf *[maxEnd]byte, path []byte) []byte {
	at := len(buf)
	for i := len(path) - 1; i >= 0 && at > 0; i-- {
		at--
		c := path[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		buf[at] = c
		if c == '/' || c == ':' {
			return buf[at:]
		}
	}
	return nil
}

// endpoint finds or makes the endpoint with the given path.
func (rt *router) endpoint(parts []string, r Route) *endpoint {
	if len(parts) == 1 && !r.Fold {
		if rt.static[r.Path] == nil {
			rt.static[r.Path] = &endpoint{parts: parts}
		}
		return rt.static[r.Path]
	}
	for _, e := range rt.patterns {
		if slices.Equal(e.parts, parts) {
			return e
		}
	}
	e := &endpoint{parts: parts, fold: r.Fold}
	rt.patterns = append(rt.patterns, e)
	return e
}

// splitPath cuts "/a/{b}/c" into "/a/", "b", "/c".
func splitPath(path string) ([]string, error) {
	var parts []string
	rest := path
	for {
		literal, after, found := strings.Cut(rest, "{")
		parts = append(parts, literal)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return nil, fmt.Errorf("route path %q: unclosed parameter", path)
		}
		parts = append(parts, name)
		rest = tail
	}
	if len(parts)/2 > maxParams {
		return nil, fmt.Errorf("route path %q: more than %d parameters", path, maxParams)
	}
	return parts, nil
}

func allow(routes []Route) string {
	var methods []string
	for _, r := range routes {
		methods = append(methods, r.Method)
		if r.Method == "GET" {
			methods = append(methods, "HEAD")
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// find returns the route of a request, the first in the table that fits. If only the method is wrong, route is nil and
// e is not.
func (rt *router) find(method, path []byte, params *[maxParams][]byte) (route *Route, e *endpoint) {
	if e = rt.static[string(path)]; e != nil {
		return e.route(method), e
	}
	var buf [maxEnd]byte
	patterns, ok := rt.ends[string(lastPart(&buf, path))]
	if !ok {
		patterns = rt.open
	}
	for _, p := range patterns {
		if !p.match(path, params) {
			continue
		}
		if route = p.route(method); route != nil {
			return route, p
		}
		if e == nil {
			e = p
		}
	}
	return nil, e
}

// route finds the route with a method.
func (e *endpoint) route(method []byte) *Route {
	for i := range e.routes {
		m := e.routes[i].Method
		if string(method) == m || m == "GET" && string(method) == "HEAD" {
			return &e.routes[i]
		}
	}
	return nil
}

// match compares path with the parts of e and sets the parameters, still encoded.
func (e *endpoint) match(path []byte, params *[maxParams][]byte) bool {
	for i, part := range e.parts {
		if i%2 == 0 {
			if len(path) < len(part) || !e.equal(path[:len(part)], part) {
				return false
			}
			path = path[len(part):]
			continue
		}
		end := len(path)
		if part != "*" {
			for end = 0; end < len(path) && path[end] != '/' && path[end] != ':'; end++ {
			}
			if end == 0 {
				return false
			}
		}
		params[i/2], path = path[:end], path[end:]
	}
	return len(path) == 0
}

func (e *endpoint) equal(a []byte, b string) bool {
	return string(a) == b || e.fold && strings.EqualFold(string(a), b)
}

// unescape decodes a parameter. What it cannot decode, or what then holds bytes that no name has, is "".
func unescape(b []byte) string {
	if bytes.IndexByte(b, '%') < 0 {
		return string(b)
	}
	s, err := url.PathUnescape(string(b))
	if err != nil {
		return ""
	}
	return s
}
