package server

import (
	"context"
	"strconv"
	"time"
)

// headerKey names the caller for splits between versions: one key always gets the same version while the split stays.
const headerKey = "X-Hotpath-Key"

// Server is the server that the request came to.
func (r *Request) Server() *Server { return r.srv }

// CallerKey is the header X-Hotpath-Key, which places the caller where requests are split.
func (r *Request) CallerKey() []byte { return r.ctx.Request.Header.Peek(headerKey) }

// Pick is Server.Pick for the caller.
func (r *Request) Pick(m *Model) (*Engine, error) { return r.srv.Pick(m, r.CallerKey()) }

// Pick finds the version of m that answers a request that names none: that of its share where requests are split between
// labels, one key always getting the same while the split stays, else the one that serves by default. One that is not in
// memory is loaded first, for as long as Config.LoadWait allows. Errors wrap ErrUnavailable, ErrNotFound or ErrBusy.
func (s *Server) Pick(m *Model, key []byte) (*Engine, error) {
	if m.Serving == nil {
		return s.await(m, func(m *Model) (*Engine, int64) { return m.Serving, m.first })
	}
	if m.split == nil {
		return m.Serving, nil
	}
	if len(key) > 0 {
		return m.at(keyPoint(m.Name, key)), nil
	}
	return m.at(point(s.turn.Add(1))), nil
}

// PickVersion finds a version by number and loads it if it is offered but not in memory. Errors are those of Pick.
func (s *Server) PickVersion(m *Model, n int64) (*Engine, error) {
	if e := m.loaded[n]; e != nil {
		return e, nil
	}
	return s.await(m, func(m *Model) (*Engine, int64) { return m.loaded[n], n })
}

// PickLabel finds the version that a label points to, as PickVersion does.
func (s *Server) PickLabel(m *Model, label string) (*Engine, error) {
	n, ok := m.Labels[label]
	if !ok {
		return nil, Fail(ErrNotFound, "model %s has no label with this name", m.Name)
	}
	return s.PickVersion(m, n)
}

// PickNamed finds the version that a number, as in Triton, or a label names, as PickVersion does.
func (s *Server) PickNamed(m *Model, version string) (*Engine, error) {
	if m.Labels[version] != 0 {
		return s.PickLabel(m, version)
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 {
		return nil, Fail(ErrNotFound, "model %s has no version or label %s", m.Name, version)
	}
	return s.PickVersion(m, n)
}

// AskedQuery describes the parameters that Asked reads.
var AskedQuery = map[string]string{
	"model":   "name of the model; the default model without it",
	"version": "number or label of a version of it; the one that serves without it",
}

// Asked finds what the query of the URL names: ?model=NAME&version=N, where a label may stand for the number. Errors are
// those of Pick.
func (r *Request) Asked() (*Engine, error) {
	m, err := r.Models().Lookup(r.Query("model"))
	if err != nil {
		return nil, err
	}
	if version := r.Query("version"); len(version) > 0 {
		return r.srv.PickNamed(m, string(version))
	}
	return r.Pick(m)
}

// await asks the watcher for a version and waits until it is in memory, is known not to load, or time is up.
func (s *Server) await(m *Model, find func(*Model) (*Engine, int64)) (*Engine, error) {
	if waiting := s.awaiting.Add(1); waiting > int64(s.live.Load().Scheduling.Queue) {
		s.awaiting.Add(-1)
		return nil, Fail(errQueue, "%d requests are waiting for models to be loaded", s.live.Load().Scheduling.Queue)
	}
	defer s.awaiting.Add(-1)
	timeout := time.NewTimer(s.live.Load().LoadWait)
	defer timeout.Stop()
	name := m.Name
	asked := int64(-1)
	for {
		c := s.catalog.Load()
		m := c.byName[name]
		if m == nil {
			return nil, Fail(ErrNotFound, "there is no model with this name")
		}
		e, n := find(m)
		if e != nil {
			return e, nil
		}
		st := m.status(n)
		switch {
		case m.Off:
			return nil, Fail(ErrUnavailable, "model %s was unloaded by request", name)
		case st == nil && n != 0:
			return nil, Fail(ErrNotFound, "model %s has no version %d to serve", name, n)
		case st == nil || st.State == End:
			return nil, Fail(ErrUnavailable, "model %s: no version is loaded", name)
		}
		if asked != n {
			s.watcher.demand(name, n)
			asked = n
		}
		select {
		case <-c.changed:
		case <-timeout.C:
			return nil, Fail(ErrUnavailable, "model %s version %d is being loaded: %v; ask again", name, n, st.Progress)
		}
	}
}

// LoadModel brings the versions of a model that its policy asks for into memory, also one that was unloaded by request, and
// waits for them. Errors wrap ErrNotFound, or ErrUnavailable where none of them loads or time is up.
func (s *Server) LoadModel(name string) error {
	return s.order(name, true, func(m *Model) (bool, error) {
		var broken string
		for _, v := range m.Versions {
			switch v.State {
			case Loading:
				return false, nil
			case Listed: // where memory is short
				if m.Serving == nil {
					return false, nil
				}
			case End:
				broken = v.Error
			}
		}
		if m.Serving == nil {
			return true, Fail(ErrUnavailable, "model %s does not load: %s", m.Name, broken)
		}
		return true, nil
	})
}

// UnloadModel takes a model out of memory, all versions, until LoadModel asks for it again or the server starts anew. Requests
// that run on it end well. Errors wrap ErrNotFound.
func (s *Server) UnloadModel(name string) error {
	return s.order(name, false, func(m *Model) (bool, error) { return len(m.loaded) == 0, nil })
}

// order tells the watcher and waits until done says that it has come about.
func (s *Server) order(name string, on bool, done func(*Model) (bool, error)) error {
	timeout := time.NewTimer(s.live.Load().LoadWait)
	defer timeout.Stop()
	asked := false
	for {
		c := s.catalog.Load()
		m := c.byName[name]
		if m == nil {
			return Fail(ErrNotFound, "there is no model with this name")
		}
		if !asked {
			s.watcher.order(m.Name, on)
			asked = true
		} else if m.Off != on {
			if ok, err := done(m); ok {
				return err
			}
		}
		select {
		case <-c.changed:
		case <-timeout.C:
			return Fail(ErrUnavailable, "model %s: not done yet, ask for its state", m.Name)
		}
	}
}

// Refresh is Server.Refresh.
func (r *Request) Refresh() { _ = r.srv.Refresh(context.Background()) } // what is not found in time will be

// Refresh makes the server look at its models now rather than at the next turn, and returns when what it found is in the
// catalogue; new versions are being loaded then. Errors wrap ErrUnavailable where time is up.
func (s *Server) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.live.Load().LoadWait)
	defer cancel()
	select {
	case <-s.watcher.refresh():
		return nil
	case <-ctx.Done():
		return Fail(ErrUnavailable, "the models could not be looked at")
	}
}
