// Package server answers requests over HTTP: listeners, routing table, authorisation, admission, loaded models,
// draining. It knows requests and engines but no wire format; those are in server/api and register their routes here.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/server/metrics"
)

// Server is one running service.
type Server struct {
	cfg       Config                 // of the start
	live      atomic.Pointer[Config] // in force; of what cannot be changed cfg counts
	keys      keyring
	tokens    atomic.Pointer[tokens] // nil where none are accepted
	metrics   *metrics.Set
	observer  atomic.Pointer[observer] // nil for none
	sched     scheduler
	bodies    budget // for the memory of all request bodies together
	catalog   atomic.Pointer[Catalog]
	watcher   *watcher
	listeners []*listener
	grpc      *grpcServer   // nil without gRPC
	requests  sync.Pool     // of *Request
	calls     sync.Pool     // of *Call
	inbounds  sync.Pool     // of *inbound
	messages  sync.Pool     // of *[]byte, for the bytes of gRPC messages
	draining  atomic.Bool   // connections are closed after their next answer
	leaving   atomic.Bool   // nobody goes on in our place: readiness is off
	serving   atomic.Bool   // requests are answered
	awaiting  atomic.Int64  // requests that wait for a model to be loaded
	turn      atomic.Uint64 // counts requests that a split places
	// lastRequest is when the last request came while draining, health checks aside: a moment.
	lastRequest atomic.Int64
	// Fingerprint is the SHA-256 of the TLS certificate, "" without TLS.
	Fingerprint string
}

// listener is one address with its routes.
type listener struct {
	address      string
	admin        bool
	loopback     bool
	tls          *tls.Config // nil for plain HTTP
	certificates *certificates
	router       *router
	ln           net.Listener
	http         *fasthttp.Server
}

// New loads the models and opens the listeners. Serve must follow.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.checkModels(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, bodies: budget{most: cfg.MaxBodyMemory},
		sched: scheduler{slots: int64(cfg.MaxConcurrency), memory: budget{most: cfg.MaxRunMemory}}}
	s.live.Store(&cfg)
	s.observer.Store(newObserver(&cfg, nil))
	s.requests.New = func() any { return &Request{srv: s, call: newCall(s)} }
	s.calls.New = func() any {
		c := newCall(s)
		return &c
	}
	s.metrics = metrics.New(metrics.Gauges{
		InFlight:    func() float64 { n, _ := s.load(); return float64(n) },
		BodyBytes:   func() float64 { return float64(s.bodies.used.Load()) },
		RunBytes:    func() float64 { return float64(s.sched.memory.used.Load()) },
		Connections: s.connections,
	}, reasons()...)
	s.watcher = newWatcher(s)
	s.catalog.Store(newCatalog(nil))
	if cfg.Keys != nil { // at start an unreadable key store is fatal: it may hold keys to demand
		keys, err := cfg.Keys.Keys()
		if err != nil {
			return nil, fmt.Errorf("API keys: %w", err)
		}
		s.keys.set(keys)
	}
	if cfg.Tokens.enabled() {
		accepted, err := cfg.Tokens.open(cfg.Log)
		if err != nil {
			return nil, err
		}
		s.tokens.Store(accepted)
		s.keys.demanded.Store(true)
	}
	for _, src := range cfg.Sources {
		if _, err := src.Scan(); err != nil {
			return nil, err
		}
	}
	if err := s.openListeners(); err != nil {
		s.close()
		return nil, err
	}
	if s.cfg.GRPC != "" {
		if err := s.openGRPC(); err != nil {
			s.close()
			return nil, err
		}
	}
	s.watcher.begin()
	return s, nil
}

func (s *Server) openListeners() error {
	routes := s.Routes()
	for _, l := range []*listener{{address: s.cfg.HTTP}, {address: s.cfg.Admin, admin: true}} {
		if l.address == "" {
			continue
		}
		var err error
		if l.loopback, err = onLoopback(l.address); err != nil {
			return err
		}
		if err := s.checkExposure(&s.cfg, l.address, l.loopback); err != nil {
			return err
		}
		if s.cfg.TLS.enabled() && !(l.admin && l.loopback) {
			// fasthttp has no HTTP/2, so only HTTP/1.1 is offered.
			if l.certificates, s.Fingerprint, err = s.cfg.TLS.open(certHosts(l.address), []string{"http/1.1"}, s.cfg.Log); err != nil {
				return err
			}
			l.tls = l.certificates.config()
		}
		if l.router, err = newRouter(s.placed(routes, l.admin)); err != nil {
			return err
		}
		if l.ln, err = s.listen(l.address); err != nil {
			return err
		}
		l.address = l.ln.Addr().String()
		l.http = s.httpServer(l)
		s.listeners = append(s.listeners, l)
	}
	return nil
}

// table is all that can be asked.
func (s *Server) table() []Route {
	rows := s.ownRoutes()
	for _, api := range s.cfg.APIs {
		rows = append(rows, api.Routes()...)
	}
	return rows
}

// Routes is what can be asked over HTTP, at either listener.
func (s *Server) Routes() []Route {
	return slices.DeleteFunc(s.table(), func(r Route) bool { return r.Path == "" })
}

// Methods are the rights that the methods of gRPC need, by full name: the strictest where several routes ask the same.
func (s *Server) Methods() map[string]Right {
	rights := map[string]Right{}
	for _, r := range s.table() {
		if right, ok := rights[r.RPC]; r.RPC != "" && (!ok || right < r.Right) {
			rights[r.RPC] = r.Right
		}
	}
	return rights
}

// placed is the routes that belong on a listener.
func (s *Server) placed(routes []Route, admin bool) (here []Route) {
	for _, r := range routes {
		if r.Place == Everywhere || r.Place == OnAdmin && admin || r.Place == OnMain && !admin ||
			r.Place == OnMonitor && admin == (s.cfg.Admin != "") {
			here = append(here, r)
		}
	}
	return here
}

// httpServer sets every limit of fasthttp, none of which it has by default.
func (s *Server) httpServer(l *listener) *fasthttp.Server {
	hs := &fasthttp.Server{
		Handler:               s.handler(l),
		ErrorHandler:          s.protocolError,
		ExpectHandler:         func(ctx *fasthttp.RequestCtx) int { return s.expect(l, ctx) },
		Name:                  "hotpath",
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		StreamRequestBody:     true, // nothing is reserved for a Content-Length that was only claimed
		MaxRequestBodySize:    s.cfg.MaxBody,
		// The request head must fit the read buffer: this is its limit.
		ReadBufferSize:               16 << 10,
		ReadTimeout:                  s.cfg.HeaderTimeout,
		WriteTimeout:                 s.cfg.WriteTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		Concurrency:                  s.cfg.MaxConns, // beyond it 503 at once
		MaxConnsPerIP:                s.cfg.MaxConnsPerIP,
		LazyRequestTime:              true, // nobody asks for it
		CloseOnShutdown:              true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		Logger:                       httpLog{s.cfg.Log},
	}
	hs.HeaderReceived = func(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
		if n := h.ContentLength(); n == -1 || n > freeBody {
			c.ReadTimeout = s.cfg.BodyTimeout
		}
		return c
	}
	return hs
}

// URL is where the page is.
func (s *Server) URL() string { return s.listeners[0].url() }

// AdminURL is where metrics and profiles are, "" without an admin listener.
func (s *Server) AdminURL() string {
	if len(s.listeners) < 2 {
		return ""
	}
	return s.listeners[1].url()
}

func (l *listener) url() string {
	scheme := "http"
	if l.tls != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(l.address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return scheme + "://" + net.JoinHostPort("localhost", port) // a name that works from this machine
	}
	return scheme + "://" + l.address
}

// KeysDemanded reports whether requests need an API key.
func (s *Server) KeysDemanded() bool { return s.keys.demanded.Load() }

// Models is the whole catalogue at this moment. What answers a caller asks ModelsFor.
func (s *Server) Models() *Catalog { return s.catalog.Load() }

// MaxRows is the most rows that one request to e may have.
func (s *Server) MaxRows(e *Engine) int { return e.maxRows(s.live.Load().MaxRows) }

// Serve answers requests until ctx ends, for the reason ErrHandedOver or any other, then drains. It returns nil after a complete
// drain.
func (s *Server) Serve(ctx context.Context) error {
	s.serving.Store(true)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.watcher.watch(work) })
	background.Go(func() { s.metrics.Sample(work) })
	defer s.saveUsage()
	defer background.Wait()
	defer stop()

	failed := make(chan error, len(s.listeners)+1)
	if s.grpc != nil {
		background.Go(func() {
			if err := s.grpc.serve(); err != nil {
				failed <- err
			}
		})
	}
	for _, l := range s.listeners {
		background.Go(func() {
			ln := net.Listener(listenPatient{l.ln})
			if l.tls != nil {
				ln = tls.NewListener(ln, l.tls)
			}
			if err := l.http.Serve(ln); err != nil {
				failed <- fmt.Errorf("listener %s: %w", l.address, err)
			}
		})
	}
	select {
	case err := <-failed:
		return errors.Join(err, s.shutdown(0))
	case <-ctx.Done():
		return s.drain(errors.Is(context.Cause(ctx), ErrHandedOver))
	}
}

// close closes the listeners; those that New did not come to are not open.
func (s *Server) close() {
	for _, l := range s.listeners {
		_ = l.ln.Close()
	}
	if s.grpc != nil {
		_ = s.grpc.ln.Close()
	}
}
