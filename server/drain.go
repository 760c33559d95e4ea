package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drain ends the service without losing a request: readiness goes off first and load balancers turn away; for the
// grace period connections are still accepted, and every answer says Connection: close; only then are the listeners
// closed, and the requests still running are awaited. Closing first would reset connections in the accept queue. While
// requests keep coming, someone has not seen the readiness yet: the grace goes on, for half of the drain at most.
func (s *Server) drain() error {
	started := time.Now()
	s.draining.Store(true)
	if s.grpc != nil {
		s.grpc.health.Shutdown() // says NOT_SERVING from now on
	}
	s.cfg.Log.Info("draining", "grace", s.cfg.DrainGrace)
	time.Sleep(min(s.cfg.DrainGrace, s.cfg.DrainTimeout))
	quiet := s.cfg.DrainGrace / 2
	for time.Since(started) < s.cfg.DrainTimeout/2 {
		silence := now().since(moment(s.lastRequest.Load()))
		if silence >= quiet {
			break
		}
		time.Sleep(quiet - silence)
	}
	return s.shutdown(s.cfg.DrainTimeout - time.Since(started))
}

func (s *Server) shutdown(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), max(timeout, time.Second))
	defer cancel()
	var errs []error
	if s.grpc != nil {
		s.grpc.stop(ctx)
	}
	for _, l := range s.listeners {
		if err := l.http.ShutdownWithContext(ctx); err != nil {
			errs = append(errs, fmt.Errorf("drain %s: %w", l.address, err))
		}
	}
	return errors.Join(errs...)
}
