package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrHandedOver is the cause of the end of the context of Serve where another process goes on at the same sockets.
var ErrHandedOver = errors.New("handed over to another process")

// drain ends the service without losing a request: readiness goes off first and load balancers turn away; for the
// grace period connections are still accepted, and every answer says Connection: close; only then are the listeners
// closed, and the requests still running are awaited. Closing first would reset connections in the accept queue. While
// requests keep coming, someone has not seen the readiness yet: the grace goes on, for half of the drain at most.
//
// Where another process goes on at the same sockets nobody has to turn away: readiness stays on, and connections are no longer
// accepted from the beginning, which resets none.
func (s *Server) drain(handedOver bool) error {
	started := time.Now()
	c := s.live.Load()
	s.draining.Store(true)
	s.leaving.Store(!handedOver)
	s.cfg.Log.Info("draining", "grace", c.DrainGrace, "handed_over", handedOver)
	switch {
	case handedOver:
		s.close()
	case s.grpc != nil:
		s.grpc.health.Shutdown() // says NOT_SERVING from now on
	}
	time.Sleep(min(c.DrainGrace, c.DrainTimeout))
	if handedOver && s.grpc != nil { // what was accepted before has shaken hands by now
		go s.grpc.server.GracefulStop() // whose calls would keep coming on the connections there are
	}
	quiet := c.DrainGrace / 2
	for time.Since(started) < c.DrainTimeout/2 {
		silence := now().since(moment(s.lastRequest.Load()))
		if silence >= quiet {
			break
		}
		time.Sleep(quiet - silence)
	}
	return s.shutdown(c.DrainTimeout - time.Since(started))
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
	s.close() // also what was told to end before it had begun to accept, and would go on
	return errors.Join(errs...)
}
