package server

import "github.com/valyala/fasthttp"

// Handler is the handler of the main listener.
func (s *Server) Handler() fasthttp.RequestHandler { return s.handler(s.listeners[0]) }

// Occupy takes all slots of a model's runs until release is called.
func (s *Server) Occupy(model string) (release func()) {
	q := s.catalog.Load().byName[model].Serving.queue
	q.running.Add(q.limit)
	s.sched.running.Add(q.limit)
	return func() {
		q.running.Add(1 - q.limit)
		s.sched.running.Add(1 - q.limit)
		s.sched.leave(q, 0)
	}
}

// Waiting is how many calls wait.
func (s *Server) Waiting() int { return int(s.sched.waiting.Load()) }

// Close closes a server that never served.
func (s *Server) Close() { s.close() }

// Metrics is the exposition.
func (s *Server) Metrics() ([]byte, error) { return s.metrics.Exposition() }

// ForgetFetches makes the keys of tokens be fetched as if the last time were long ago.
func (s *Server) ForgetFetches() { s.tokens.keys.tried.Store(int64(now().add(-fetchEvery))) }
