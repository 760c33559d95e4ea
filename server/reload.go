package server

import (
	"context"
	"errors"
	"reflect"
)

// Reload changes the settings of a running server: of what read returns all that Config marks as live takes the place of
// what was in force, at once for new requests, or nothing does where an error is returned. The outcome is counted.
//
// What a listener holds (addresses, limits of bodies and connections), the memory and slots that requests share, the places
// that models and keys come from and the wire formats stay as New got them, whatever read says.
func (s *Server) Reload(ctx context.Context, read func() (Config, error)) error {
	err := s.reload(ctx, read)
	s.metrics.Reloaded(err == nil)
	return err
}

func (s *Server) reload(ctx context.Context, read func() (Config, error)) error {
	next, err := read()
	if err != nil {
		return err
	}
	next.setDefaults()
	if err := next.checkModels(); err != nil {
		return err
	}
	if next.TLS.enabled() != s.cfg.TLS.enabled() {
		return errors.New("TLS is begun and ended by a restart only")
	}
	var commits []func()
	prepare := func(address string, loopback bool, held *certificates) error {
		if err := s.checkExposure(&next, address, loopback); err != nil {
			return err
		}
		commit, err := held.replace(next.TLS)
		commits = append(commits, commit)
		return err
	}
	for _, l := range s.listeners {
		if err := prepare(l.address, l.loopback, l.certificates); err != nil {
			return err
		}
	}
	if g := s.grpc; g != nil {
		if err := prepare(g.address, g.loopback, g.certificates); err != nil {
			return err
		}
	}
	var accepted *tokens
	if next.Tokens.enabled() {
		if old := s.tokens.Load(); old != nil && next.Tokens.KeysFile == "" && reflect.DeepEqual(old.Tokens, next.Tokens) {
			accepted = old // what was fetched of the issuer is as good as new
		} else if accepted, err = next.Tokens.open(s.cfg.Log); err != nil {
			return err
		} else if old != nil && old.By == next.Tokens.By {
			accepted.callers = old.callers // who have used what they have used
		}
	}
	if s.cfg.Audit != nil { // it may have been moved away, for a new one to begin
		if err := s.cfg.Audit.reopen(); err != nil {
			return err
		}
	}

	for _, commit := range commits {
		commit()
	}
	s.tokens.Store(accepted)
	if accepted != nil {
		s.keys.demanded.Store(true) // and they stay so: that tokens are no longer accepted must not open the server
	}
	s.observer.Store(newObserver(&next, s.observer.Load()))
	s.live.Store(&next)
	_ = s.Refresh(ctx) // the watcher follows; where it is busy for longer, it does so later
	return nil
}

// configure gives the queues of the loaded models the settings in force.
func (w *watcher) configure() {
	c := w.srv.live.Load()
	if w.configured == c {
		return
	}
	w.configured = c
	for name, f := range w.models {
		for _, v := range f.versions {
			if v.engine != nil {
				v.engine.queue.configure(c.Scheduling.For(name))
			}
		}
	}
}

// configure changes the settings of a queue. What waits stays, and is measured by the new ones.
func (q *queue) configure(cfg Scheduling) {
	q.sched.mu.Lock()
	defer q.sched.mu.Unlock()
	old := q.cfg.Swap(&cfg)
	if q.independent && (old == nil || old.BatchMax != cfg.BatchMax) {
		q.most.Store(int64(max(1, cfg.BatchMax)))
	}
	q.sched.start(nil) // more may run at once, or may no longer be held back
}

// limit is how many runs there may be at once.
func (q *queue) limit() int64 { return int64(max(1, q.cfg.Load().Concurrency)) }
