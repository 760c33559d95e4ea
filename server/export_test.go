package server

import (
	"net"

	"github.com/valyala/fasthttp"
)

// Handler is the handler of the main listener.
func (s *Server) Handler() fasthttp.RequestHandler { return s.handler(s.listeners[0]) }

// Waiting is how many calls wait.
func (s *Server) Waiting() int { return int(s.sched.waiting.Load()) }

// Close closes a server that never served.
func (s *Server) Close() { s.close() }

// Metrics is the exposition.
func (s *Server) Metrics() ([]byte, error) { return s.metrics.Exposition() }

// ForgetFetches makes the keys of tokens be fetched as if the last time were long ago.
func (s *Server) ForgetFetches() { s.tokens.keys.tried.Store(int64(now().add(-fetchEvery))) }

// ServeConn answers the requests on a connection as those that come to the first listener.
func (s *Server) ServeConn(c net.Conn) error { return s.listeners[0].http.ServeConn(c) }

// Patient is a connection as listeners hand it out.
func Patient(c net.Conn) net.Conn { return newConn(c) }
