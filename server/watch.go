package server

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

// watcher keeps the catalogue equal to what the sources offer. One goroutine decides; versions are read, compiled and
// warmed on others, so that neither requests nor other models wait for a large one, and what is served changes by
// swapping one pointer.
type watcher struct {
	srv     *Server
	models  map[string]*family // what is known, by name
	offers  map[string][]Offer // what the sources had at the last look
	looks   int                // number of that
	running int                // loads under way
	most    int                // loads at once
	rest    gcRest             // while requests are answered
	freed   int                // turns at which memory of engines that were dropped, or that loads left, is to be returned to the system
	changed bool               // since the catalogue was made
	saved   time.Time          // when quotas were
	results chan *job
	wake    chan struct{}
	looked  []chan struct{} // looks that were wanted and made

	mu     sync.Mutex // guards what requests leave for the goroutine
	asked  []request
	wanted []chan struct{} // looks that are wanted, to be closed when they are in the catalogue
}

// request is what a request wants of the watcher.
type request struct {
	model   string
	version int64 // 0: the whole model is ordered in or out
	in      bool
}

// family is the versions of one model.
type family struct {
	versions map[int64]*version
	off      bool  // unloaded by request
	serving  int64 // the version that served by default at the last look; 0 for none
}

// version is one version of a model in any state.
type version struct {
	fingerprint string    // of the bytes that were tried last
	digest      string    // of those bytes
	engine      *Engine   // nil if it is not loaded
	err         error     // why the last try failed
	broken      bool      // err was reported and is final for this fingerprint, but for retry
	retry       time.Time // when to try again bytes that could not be read; zero for never
	tried       int       // look at which they were tried last
	job         *job      // the load under way
	queued      bool      // to be loaded when there is room
	asked       bool      // by a request since it was last in memory
	evicted     bool      // taken out of memory for others: waits for a request
}

// readRetry is the pause before bytes that could not be read are tried again.
const readRetry = 30 * time.Second

func newWatcher(s *Server) *watcher {
	return &watcher{srv: s, models: map[string]*family{}, offers: map[string][]Offer{}, results: make(chan *job), wake: make(chan struct{}, 1)}
}

// begin makes the first look and returns when all that shall be in memory is there.
func (w *watcher) begin() {
	w.most = startLoads()
	w.look()
	w.step()
	for w.running > 0 {
		w.finish(<-w.results)
		w.step()
	}
	w.publish()
	w.most = serveLoads()
}

// watch follows the sources until ctx ends. A load under way is left to end by itself.
func (w *watcher) watch(ctx context.Context) {
	tick := time.NewTicker(w.srv.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for range w.running {
				go func() { <-w.results }()
			}
			return
		case <-tick.C:
			w.look()
			if w.freed > 0 && w.running == 0 {
				w.freed--
				debug.FreeOSMemory()
			}
		case <-w.wake:
			w.serveAsked()
		case j := <-w.results:
			w.finish(j)
		}
		w.step()
		if w.changed {
			w.publish()
		}
		for _, done := range w.looked {
			close(done)
		}
		w.looked = nil
	}
}

// look asks the sources and the key store what they have.
func (w *watcher) look() {
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
				offers[name] = newestFirst(list)
			}
		}
	}
	w.offers = offers
	w.looks++
	w.changed = true // labels, settings and states may have
}

// freedTurns is at how many turns memory is returned after an engine was dropped: at the first a request may still run
// on it.
const freedTurns = 2

// newestFirst sorts offers of one model and drops what is there twice: of 7 and 007 the first one counts.
func newestFirst(offers []Offer) []Offer {
	slices.SortStableFunc(offers, func(a, b Offer) int { return int(min(1, max(-1, b.Version-a.Version))) })
	return slices.CompactFunc(offers, func(a, b Offer) bool { return a.Version == b.Version })
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
	before := w.srv.keys.all()
	w.srv.keys.set(keys)
	w.srv.auditKeys(before, w.srv.keys.all())
	if time.Since(w.saved) >= saveEvery {
		w.saved = time.Now()
		w.srv.saveUsage()
	}
}

// demand asks for a version that is offered.
func (w *watcher) demand(model string, version int64) { w.ask(request{model, version, true}) }

// order asks for a model to be brought into memory or taken out of it.
func (w *watcher) order(model string, in bool) { w.ask(request{model, 0, in}) }

func (w *watcher) ask(r request) {
	w.mu.Lock()
	if !slices.Contains(w.asked, r) {
		w.asked = append(w.asked, r)
	}
	w.mu.Unlock()
	w.poke()
}

// refresh asks for a look now; the channel is closed when what it found is in the catalogue.
func (w *watcher) refresh() <-chan struct{} {
	done := make(chan struct{})
	w.mu.Lock()
	w.wanted = append(w.wanted, done)
	w.mu.Unlock()
	w.poke()
	return done
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// serveAsked takes what requests have left.
func (w *watcher) serveAsked() {
	w.mu.Lock()
	asked, wanted := w.asked, w.wanted
	w.asked, w.wanted = nil, nil
	w.mu.Unlock()
	if len(wanted) > 0 {
		w.look()
		w.looked = append(w.looked, wanted...)
	}
	for _, r := range asked {
		f := w.models[r.model]
		if f == nil {
			continue
		}
		w.changed = true // whoever asked waits for a new catalogue
		if r.version != 0 {
			if v := f.versions[r.version]; v != nil {
				v.asked = true
			}
			continue
		}
		f.off = !r.in
		for _, v := range f.versions {
			v.asked = r.in
			v.evicted = false
		}
	}
}
