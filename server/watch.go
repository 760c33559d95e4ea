package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

// watcher keeps the catalogue equal to what the sources offer. It loads on its own goroutine, so that requests never
// wait for it, and changes what is served by swapping one pointer.
type watcher struct {
	srv    *Server
	models map[string]map[int64]*version // what is known, by name and number
}

// version is one version of a model in any state.
type version struct {
	fingerprint string    // of the bytes that were tried last
	digest      string    // of those bytes
	engine      *Engine   // nil if it is not loaded
	err         error     // why the last try failed
	broken      bool      // err was reported and is final for this fingerprint, but for retry
	retry       time.Time // when to try again bytes that could not be read; zero for never
}

// errRead marks bytes that could not be read at all, which may pass; bytes that do not load stay bad.
var errRead = errors.New("cannot be read")

// readRetry is the pause before that is tried again.
const readRetry = 30 * time.Second

// watch looks at the sources until ctx ends. The first look was made by the caller.
func (w *watcher) watch(ctx context.Context) {
	tick := time.NewTicker(w.srv.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.poll()
		}
	}
}

// poll looks once.
func (w *watcher) poll() {
	w.pollKeys()
	offers := map[string][]Offer{}
	for _, src := range w.srv.cfg.Sources {
		found, err := src.Scan()
		if err != nil {
			w.srv.cfg.Log.Error("models cannot be listed, those loaded stay", "error", err)
			return
		}
		here := map[string][]Offer{}
		for _, o := range found {
			if registry.CheckName(o.Model) != nil {
				continue
			}
			here[o.Model] = append(here[o.Model], o)
		}
		for name, list := range here {
			if _, taken := offers[name]; !taken {
				offers[name] = list
			}
		}
	}
	for name := range w.models {
		if len(offers[name]) == 0 {
			w.unload(name, nil)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(offers)) {
		w.reconcile(name, offers[name])
	}
	w.publish(offers)
}

func (w *watcher) pollKeys() {
	if w.srv.cfg.Keys == nil {
		return
	}
	keys, err := w.srv.cfg.Keys.Keys()
	if err != nil {
		w.srv.cfg.Log.Error("keys cannot be read, those known stay", "error", err)
		return
	}
	w.srv.keys.set(keys)
}

// reconcile loads what should be loaded of one model: the newest version that can be, and every one with a label.
func (w *watcher) reconcile(name string, offers []Offer) {
	slices.SortStableFunc(offers, func(a, b Offer) int { return int(min(1, max(-1, b.Version-a.Version))) })
	known := w.models[name]
	if known == nil {
		known = map[int64]*version{}
		w.models[name] = known
	}
	keep := map[int64]bool{}
	newest := false // whether a newest version was found
	waiting := false
	for i, o := range offers {
		if i > 0 && offers[i-1].Version == o.Version {
			continue // 7 and 007: the first one counts
		}
		if newest && len(o.Labels) == 0 {
			continue
		}
		v := known[o.Version]
		if v == nil {
			v = &version{}
			known[o.Version] = v
		}
		w.load(v, o)
		keep[o.Version] = v.engine != nil || !newest
		newest = newest || v.engine != nil
		waiting = waiting || v.engine == nil && !v.broken
	}
	if !newest || waiting { // nothing better is ready: what serves goes on serving
		for n, v := range known {
			keep[n] = keep[n] || v.engine != nil
		}
	}
	w.unload(name, keep)
}

// unload drops the versions of a model that are not in keep.
func (w *watcher) unload(name string, keep map[int64]bool) {
	for n, v := range w.models[name] {
		if keep[n] {
			continue
		}
		if v.engine != nil {
			v.engine.metrics.Unload()
			w.srv.cfg.Log.Info("model unloaded", "model", name, "version", n)
		}
		delete(w.models[name], n)
	}
	if len(w.models[name]) == 0 {
		delete(w.models, name)
	}
}

// load brings v to what o offers. A version that cannot be loaded leaves the engine that v had in place.
func (w *watcher) load(v *version, o Offer) {
	first := v.fingerprint != o.Fingerprint || v.fingerprint == "" && v.err == nil
	again := !v.retry.IsZero() && time.Now().After(v.retry)
	if !first && (v.err == nil || v.broken && !again) {
		return
	}
	v.fingerprint = o.Fingerprint
	e, digest, err := w.tryLoad(o, v.digest)
	if err == nil && e == nil { // the same bytes as before
		v.err, v.broken, v.retry = nil, false, time.Time{}
		return
	}
	v.err, v.retry = err, time.Time{}
	if errors.Is(err, errRead) {
		v.retry = time.Now().Add(readRetry)
	}
	if err != nil {
		// Half-copied files are no reason for alarm: only what stayed the same between two looks is called broken.
		if v.broken = !first || o.Settled || o.Problem != nil; v.broken {
			w.srv.metrics.LoadFailed(o.Model)
			w.srv.cfg.Log.Error("model version is broken and not served", "model", o.Model, "version", o.Version, "error", err)
		}
		return
	}
	e.metrics = w.srv.metrics.Model(e.Name, fmt.Sprint(e.Version), e.runner.WeightBytes())
	w.srv.enqueue(e)
	old := v.engine
	v.engine, v.digest, v.broken = e, digest, false
	if old != nil {
		old.metrics.Unload()
	}
	w.srv.cfg.Log.Info("model loaded", "model", o.Model, "version", o.Version, "sha256", digest, "weight_bytes", e.runner.WeightBytes())
}

// tryLoad reads, loads and warms a version. Both results are nil if the bytes have the digest that is loaded already.
func (w *watcher) tryLoad(o Offer, loaded string) (e *Engine, digest string, err error) {
	debug.SetPanicOnFault(true)
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, fmt.Errorf("panic while loading: %v", p)
		}
	}()
	if o.Problem != nil {
		return nil, "", o.Problem
	}
	data, err := o.Read()
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", err, errRead)
	}
	digest = registry.Digest(data)
	if digest == loaded {
		return nil, digest, nil
	}
	runner, err := w.srv.cfg.Load(data)
	if err != nil {
		return nil, "", err
	}
	e = newEngine(o.Model, o.Version, digest, runner)
	return e, digest, e.warm()
}

// publish makes the catalogue of what is known now.
func (w *watcher) publish(offers map[string][]Offer) {
	models := map[string]*Model{}
	for name, known := range w.models {
		m := &Model{Name: name, Labels: map[string]int64{}, loaded: map[int64]*Engine{}}
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(known))) {
			v := known[n]
			st := VersionStatus{Number: n, State: Loading}
			switch {
			case v.engine != nil:
				st.State = Available
				m.loaded[n] = v.engine
				if m.Serving == nil {
					m.Serving = v.engine
				}
			case v.broken:
				st.State, st.Error = End, v.err.Error()
			}
			m.Versions = append(m.Versions, st)
		}
		for _, o := range offers[name] {
			for _, l := range o.Labels {
				m.Labels[l] = o.Version
			}
		}
		if e := m.Label(stable); e != nil {
			m.Serving = e
		}
		models[name] = m
	}
	w.srv.catalog.Store(newCatalog(models))
}
