package server

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

// candidate is a version that shall be loaded.
type candidate struct {
	name  string
	v     *version
	offer Offer
	first bool // it is what its model serves by default
}

// step brings what is in memory closer to what is offered: it drops what is no longer wanted and starts loads.
func (w *watcher) step() {
	for name := range w.models {
		if len(w.offers[name]) == 0 {
			w.unload(name, nil)
		}
	}
	var open []candidate
	for _, name := range slices.Sorted(maps.Keys(w.offers)) {
		open = append(open, w.reconcile(name, w.offers[name])...)
	}
	slices.SortStableFunc(open, func(a, b candidate) int { return a.rank() - b.rank() })
	for _, c := range open {
		if w.running >= w.most {
			break
		}
		if w.makeRoom(c) {
			w.start(c)
		}
	}
}

// rank puts what requests wait for first, then what is served by default.
func (c candidate) rank() int {
	r := 0
	if !c.v.asked {
		r += 2
	}
	if !c.first {
		r++
	}
	return r
}

// reconcile finds what should be loaded of one model and drops what should not be there any more.
func (w *watcher) reconcile(name string, offers []Offer) (open []candidate) {
	f := w.models[name]
	if f == nil {
		f = &family{versions: map[int64]*version{}}
		w.models[name] = f
	}
	wanted := w.policy(offers).choose(offers, func(o Offer) bool {
		v := f.versions[o.Version]
		return v != nil && v.engine == nil && v.err != nil && v.fingerprint == o.Fingerprint
	})
	first := firstVersion(offers, wanted, f)
	keep := map[int64]bool{}
	ready, pending, inMemory := false, false, f.inMemory()
	for _, o := range wanted {
		v := f.versions[o.Version]
		if v == nil {
			v = &version{}
			f.versions[o.Version] = v
			w.changed = true
		}
		keep[o.Version] = true
		ready = ready || v.engine != nil
		if v.queued = v.needsLoad(o, w.looks); v.queued && v.engine == nil && !v.asked {
			// What is lazy or was evicted waits for a request, but where older versions are in use it comes in their place.
			v.queued = !(w.srv.cfg.Lazy && !inMemory || v.evicted) && !f.off
		}
		if v.queued && !f.off {
			open = append(open, candidate{name, v, o, o.Version == first})
		}
		pending = pending || v.engine == nil && !v.broken && (v.job != nil || v.queued || v.err != nil)
	}
	switch {
	case f.off:
		for n, v := range f.versions {
			w.drop(name, n, v)
		}
	case !ready || pending: // nothing better is in place: what serves goes on serving
		for n, v := range f.versions {
			keep[n] = keep[n] || v.engine != nil
		}
	}
	w.unload(name, keep)
	return open
}

func (f *family) inMemory() bool {
	for _, v := range f.versions {
		if v.engine != nil {
			return true
		}
	}
	return false
}

// policy is that of the model, or the server's.
func (w *watcher) policy(offers []Offer) Policy {
	if s := offers[0].Settings; s != nil && (s.Policy.All || s.Policy.Latest > 0 || s.Policy.Specific != nil) {
		return s.Policy
	}
	return w.srv.cfg.Policy
}

// firstVersion is what answers by default when all is in memory: what is labelled stable, else the newest, of those
// that are not known to be broken.
func firstVersion(offers, wanted []Offer, f *family) int64 {
	for _, o := range offers {
		if slices.Contains(o.Labels, stable) && !f.failed(o.Version) {
			return o.Version
		}
	}
	for _, o := range wanted {
		if !f.failed(o.Version) {
			return o.Version
		}
	}
	return 0
}

func (f *family) failed(n int64) bool {
	v := f.versions[n]
	return v != nil && v.engine == nil && v.err != nil
}

// needsLoad reports whether the bytes that o offers are not those that were tried, or are worth another try.
func (v *version) needsLoad(o Offer, looks int) bool {
	switch {
	case v.job != nil:
		return false
	case v.tried == 0 || v.fingerprint != o.Fingerprint || v.engine != nil && v.err == nil && v.engine.rows != o.maxRows():
		return true
	case v.err == nil:
		return v.engine == nil
	case v.broken:
		return !v.retry.IsZero() && time.Now().After(v.retry)
	}
	return looks > v.tried // half-copied files are tried again at the next look
}

// unload forgets the versions of a model that are not in keep.
func (w *watcher) unload(name string, keep map[int64]bool) {
	f := w.models[name]
	for n, v := range f.versions {
		if !keep[n] {
			w.drop(name, n, v)
			delete(f.versions, n)
			w.changed = true
		}
	}
	if len(f.versions) == 0 && len(w.offers[name]) == 0 {
		delete(w.models, name)
		w.changed = true
	}
}

// drop takes a version out of memory: the last request that runs on it frees it.
func (w *watcher) drop(name string, n int64, v *version) {
	if v.engine == nil {
		return
	}
	v.engine.metrics.Unload()
	v.engine, v.asked = nil, false
	w.changed, w.freed = true, freedTurns
	w.srv.cfg.Log.Info("model unloaded", "model", name, "version", n)
}

// publish makes the catalogue of what is known now.
func (w *watcher) publish() {
	w.changed = false
	models := map[string]*Model{}
	for name, f := range w.models {
		offers := w.offers[name]
		m := &Model{Name: name, Off: f.off, Labels: map[string]int64{}, loaded: map[int64]*Engine{}}
		var newest *Engine
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(f.versions))) {
			v := f.versions[n]
			if v.engine != nil {
				m.loaded[n] = v.engine
				if newest == nil {
					newest = v.engine
				}
			}
			m.Versions = append(m.Versions, v.status(n, f.off))
		}
		for _, o := range offers {
			for _, l := range o.Labels {
				m.Labels[l] = o.Version
			}
		}
		wanted := slices.DeleteFunc(slices.Clone(offers), func(o Offer) bool { return f.versions[o.Version] == nil })
		m.first = firstVersion(offers, wanted, f)
		m.Serving = f.answering(m, newest)
		f.serving = 0
		if m.Serving != nil {
			f.serving = m.Serving.Version
		}
		if len(offers) > 0 && offers[0].Settings != nil {
			m.Aliases = offers[0].Settings.Aliases
			m.split = newSplit(m, offers[0].Settings.Split)
		}
		models[name] = m
	}
	c := newCatalog(models)
	old := w.srv.catalog.Swap(c)
	close(old.changed)
	if w.srv.grpc != nil {
		w.srv.grpc.setReady(c.ready())
	}
}

// answering is what serves by default: the first version where it is in memory. While that is on its way what served
// before goes on, and where it does not come, the newest that is there.
func (f *family) answering(m *Model, newest *Engine) *Engine {
	if e := m.loaded[m.first]; e != nil {
		return e
	}
	if v := f.versions[m.first]; v != nil && (v.job != nil || v.queued || v.err == nil) {
		return m.loaded[f.serving]
	}
	return newest
}

// status describes a version.
func (v *version) status(n int64, off bool) VersionStatus {
	st := VersionStatus{Number: n, State: Listed}
	switch {
	case v.engine != nil:
		st.State = Available
	case off:
		st.State, st.Error = End, "unloaded by request"
	case v.broken:
		st.State, st.Error, st.Unsigned = End, v.err.Error(), errors.Is(v.err, registry.ErrSignature)
	case v.job != nil:
		st.State, st.Progress = Loading, &v.job.progress
	case v.queued || v.err != nil:
		st.State = Loading
	}
	return st
}
