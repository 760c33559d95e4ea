package server

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph"
)

// makeRoom decides whether a version may be loaded within the budget for weights. For one that a request waits for it
// takes out of memory what was not used for longest; others wait until they are asked for.
func (w *watcher) makeRoom(c candidate) bool {
	budget := w.srv.cfg.Memory
	if budget <= 0 {
		return true
	}
	if c.offer.Size > budget {
		c.v.err, c.v.broken, c.v.queued = tooLarge(c.offer.Size, budget), true, false
		c.v.fingerprint, c.v.tried = c.offer.Fingerprint, w.looks
		w.changed = true
		w.srv.metrics.LoadFailed(c.name)
		w.srv.cfg.Log.Error("model version is broken and not served", "model", c.name, "version", c.offer.Version, "error", c.v.err)
		return false
	}
	if c.v.asked {
		return w.evict(c.offer.Size, c.v)
	}
	if w.used(nil)+c.offer.Size > budget {
		c.v.evicted, c.v.queued = true, false
		w.changed = true
		return false
	}
	return true
}

// fits makes room for an engine that has just been loaded, now that its real size is known.
func (w *watcher) fits(v *version, e *Engine) bool {
	size := e.weightBytes()
	return w.srv.cfg.Memory <= 0 || size <= w.srv.cfg.Memory && w.evict(size, v)
}

// evict takes engines out of memory, least recently used first, until size more bytes fit beside those that stay. It
// reports whether they do.
func (w *watcher) evict(size int64, keep *version) bool {
	type resident struct {
		name string
		n    int64
		v    *version
	}
	var all []resident
	for name, f := range w.models {
		for n, v := range f.versions {
			if v.engine != nil && v != keep {
				all = append(all, resident{name, n, v})
			}
		}
	}
	slices.SortFunc(all, func(a, b resident) int { return cmp.Compare(a.v.engine.used.Load(), b.v.engine.used.Load()) })
	for _, r := range all {
		if w.used(keep)+size <= w.srv.cfg.Memory {
			return true
		}
		w.drop(r.name, r.n, r.v)
		r.v.evicted = true
	}
	return w.used(keep)+size <= w.srv.cfg.Memory
}

// used is the bytes of weights in memory and of loads under way, except those of one version.
func (w *watcher) used(except *version) (sum int64) {
	for _, f := range w.models {
		for _, v := range f.versions {
			switch {
			case v == except:
			case v.engine != nil:
				sum += v.engine.weightBytes()
			case v.job != nil:
				sum += v.job.offer.Size
			}
		}
	}
	return sum
}

func tooLarge(size, budget int64) error {
	return fmt.Errorf("%d bytes of weights, the budget for all models is %d: %w", size, budget, graph.ErrLimit)
}
