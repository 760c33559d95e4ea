package server

import (
	"fmt"
	"log/slog"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/pprofhandler"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/hotpath/hotpath/server/metrics"
)

// ownRoutes is what every server has: health, metrics, profiles.
func (s *Server) ownRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/healthz", Right: Public, Place: Everywhere, Handle: s.healthz,
			Doc: Doc{Summary: "Whether the process answers", Answer: statusDoc}},
		{Method: "GET", Path: "/readyz", RPC: healthpb.Health_Check_FullMethodName, Right: Public, Place: Everywhere, Handle: s.readyz,
			Doc: Doc{Summary: "Whether requests should be sent here", Answer: statusDoc, Errors: []int{fasthttp.StatusServiceUnavailable}}},
		{Method: "GET", Path: "/metrics", Right: Monitor, Place: OnMonitor, Handle: s.exposition,
			Doc: Doc{Summary: "Metrics in Prometheus' text format", Media: []string{metrics.ContentType}}},
		{Method: "GET", Path: "/metrics/grafana.json", Right: Monitor, Place: OnMonitor, Handle: dashboard,
			Doc: Doc{Summary: "A Grafana dashboard of the metrics", Answer: Schema{"type": "object"}}},
		{Method: "GET", Path: "/debug/pprof/{*}", Right: Admin, Place: OnAdmin, Handle: s.profile,
			Doc: Doc{Summary: "Profiles, as net/http/pprof has them", Media: []string{"application/octet-stream"}}},
		{Method: "GET", Path: "/openapi.json", Right: Predict, Place: Everywhere, Handle: s.openAPI,
			Doc: Doc{Summary: "This document", Query: map[string]string{"model": "a model whose inputs the schemas shall describe"},
				Answer: Schema{"type": "object"}, Errors: NamesModel}},
		{Method: "GET", Path: "/debug/slow", Right: Monitor, Place: OnMonitor, Handle: s.slowRequests,
			Doc: Doc{Summary: "The newest slow requests, without their values", Answer: Schema{"type": "object"}}},
		{RPC: healthpb.Health_Watch_FullMethodName, Right: Public},
		{RPC: healthpb.Health_List_FullMethodName, Right: Public},
		{RPC: reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName},
		{RPC: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"},
	}
}

var statusDoc = Object(map[string]Schema{"status": Text()}, "status")

// healthz says that the process answers.
func (s *Server) healthz(r *Request) error {
	r.ReplyJSON([]byte(`{"status": "ok"}`))
	return nil
}

// readyz says whether requests should be sent here.
func (s *Server) readyz(r *Request) error {
	if err := s.Ready(); err != nil {
		return err
	}
	r.ReplyJSON([]byte(`{"status": "ready"}`))
	return nil
}

// Ready says whether requests should be sent here. Errors wrap ErrUnavailable.
func (s *Server) Ready() error {
	switch {
	case s.leaving.Load():
		return Fail(ErrUnavailable, "draining")
	}
	c := s.Models()
	switch unsigned := c.unsigned(); {
	case c.ready():
		return nil
	case unsigned > 0: // without names: anyone may ask
		return Fail(ErrUnavailable, "no model is loaded; versions that are not signed as demanded: %d", unsigned)
	}
	return Fail(ErrUnavailable, "no model is loaded")
}

func (s *Server) exposition(r *Request) error {
	text, err := s.metrics.Exposition()
	if err != nil {
		return fmt.Errorf("exposition: %w", err)
	}
	r.Reply(metrics.ContentType, text)
	return nil
}

// dashboard is for Grafana to import.
func dashboard(r *Request) error {
	r.ReplyJSON(metrics.Dashboard)
	return nil
}

// profile serves net/http/pprof. Goroutines and threads that work for a model are labelled with its name and version.
func (s *Server) profile(r *Request) error {
	pprofhandler.PprofHandler(r.ctx)
	return nil
}

// httpLog hands fasthttp's messages, which are about single connections, to the log at debug level.
type httpLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l httpLog) Printf(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }

var _ fasthttp.Logger = httpLog{}
