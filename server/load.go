package server

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/npy"
	"github.com/hotpath/hotpath/server/registry"
)

// job is the load of one version.
type job struct {
	name     string
	v        *version
	offer    Offer
	progress Progress
	resident string // digest of the bytes that are in memory already, "" for none
	replaced bool   // the bytes were other ones at the try before
	low      bool   // requests are served meanwhile

	engine *Engine // nil if it failed, or if the bytes are those in memory
	digest string
	err    error
}

// Progress tells how far a load is.
type Progress struct {
	since time.Time
	stage atomic.Pointer[string]
}

// The stages.
var stageRead, stageCompile, stageWarm = "reading", "compiling", "warming up"

// String is the stage and the time since the load began, "waiting for other models" for nil.
func (p *Progress) String() string {
	if p == nil {
		return "waiting for other models"
	}
	return fmt.Sprintf("%s, %.1f s so far", *p.stage.Load(), time.Since(p.since).Seconds())
}

// startLoads is how many versions are loaded at once before requests are served: all cores have nothing else to do.
func startLoads() int { return runtime.GOMAXPROCS(0) }

// serveLoads is how many are while requests are: half of the cores at most.
func serveLoads() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// errRead marks bytes that could not be read at all, which may pass; bytes that do not load stay bad.
var errRead = errors.New("cannot be read")

// start loads a version on a goroutine of its own.
func (w *watcher) start(c candidate) {
	v := c.v
	j := &job{name: c.name, v: v, offer: c.offer, replaced: v.tried == 0 || v.fingerprint != c.offer.Fingerprint,
		low: w.srv.serving.Load()}
	j.progress.since = time.Now()
	j.progress.stage.Store(&stageRead)
	if v.engine != nil && v.engine.rows == c.offer.maxRows() {
		j.resident = v.digest
	}
	v.job, v.queued, v.fingerprint, v.tried = j, false, c.offer.Fingerprint, w.looks
	w.running++
	w.changed = true
	o := c.offer
	go func() {
		pprof.SetGoroutineLabels(profileLabels(o.Model, o.Version)) // those that pack weights for it inherit them
		if j.low {
			lowerPriority()
			w.rest.begin(o.Size)
			defer w.rest.end()
		}
		j.engine, j.digest, j.err = w.load(j)
		w.results <- j
	}()
}

// maxRows is the limit that the settings of the model have, 0 for none.
func (o *Offer) maxRows() int {
	if o.Settings == nil {
		return 0
	}
	return o.Settings.MaxRows
}

// finish takes in what a load gave. A version that cannot be loaded leaves the engine that it had in place.
func (w *watcher) finish(j *job) {
	w.running--
	w.changed = true
	w.freed = max(w.freed, 1) // the file and what it was decoded into are garbage now
	v, o, log := j.v, j.offer, w.srv.cfg.Log
	v.job = nil
	if f := w.models[j.name]; f == nil || f.versions[o.Version] != v || f.off {
		return // gone meanwhile, or not wanted
	}
	v.err, v.retry = j.err, time.Time{}
	if errors.Is(j.err, errRead) {
		v.retry = time.Now().Add(readRetry)
	}
	if j.err == nil && j.engine != nil && !w.fits(v, j.engine) {
		v.err = tooLarge(j.engine.weightBytes(), w.srv.live.Load().Memory)
		v.broken = true
	}
	if v.err != nil {
		// Half-copied files are no reason for alarm: only what stayed the same between two looks is called broken.
		if v.broken = v.broken || !j.replaced || o.Settled || o.Problem != nil; v.broken {
			w.srv.metrics.LoadFailed(o.Model)
			log.Error("model version is broken and not served", "model", o.Model, "version", o.Version, "error", v.err)
		}
		return
	}
	v.broken, v.evicted = false, false
	if j.engine == nil { // the same bytes as before
		return
	}
	if o.Settings != nil && len(o.Settings.Notes) > 0 {
		log.Info("settings are ignored", "model", o.Model, "version", o.Version, "fields", o.Settings.Notes)
	}
	e, old := j.engine, v.engine
	e.metrics = w.srv.metrics.Model(e.Name, fmt.Sprint(e.Version), e.weightBytes())
	e.metrics.Holds(e.holds)
	e.watch()
	e.used.Store(int64(now()))
	w.srv.enqueue(e)
	v.engine, v.digest = e, j.digest
	if old != nil {
		old.metrics.Unload()
		w.freed = freedTurns
	}
	log.Info("model loaded", "model", o.Model, "version", o.Version, "sha256", j.digest, "weight_bytes", e.weightBytes(),
		"seconds", time.Since(j.progress.since).Seconds())
}

// load reads, compiles and warms a version. Engine and error are nil if the bytes are those in memory.
func (w *watcher) load(j *job) (e *Engine, digest string, err error) {
	debug.SetPanicOnFault(true)
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, fmt.Errorf("panic while loading: %v", p)
		}
	}()
	o := j.offer
	if o.Problem != nil {
		return nil, "", o.Problem
	}
	data, err := o.Read()
	switch {
	case errors.Is(err, registry.ErrSignature):
		return nil, "", err // it stays what it is
	case err != nil:
		return nil, "", fmt.Errorf("%w: %w", err, errRead)
	}
	digest = registry.Digest(data)
	if digest == j.resident {
		return nil, digest, nil
	}
	var recorded [][]byte
	if o.Warmup != nil {
		if recorded, err = o.Warmup(); err != nil {
			return nil, "", fmt.Errorf("warm-up inputs: %w: %w", err, errRead)
		}
	}
	j.progress.stage.Store(&stageCompile)
	runner, err := w.srv.cfg.Load(data)
	if err != nil {
		return nil, "", err
	}
	e = newEngine(o.Model, o.Version, digest, runner)
	e.rows = o.maxRows()
	j.progress.stage.Store(&stageWarm)
	warm := func() { err = e.warmUp(recorded) }
	if j.low && w.srv.cfg.Aside != nil {
		w.srv.cfg.Aside(warm)
	} else {
		warm()
	}
	if err != nil {
		return nil, "", err
	}
	return e, digest, nil
}

// warmUp runs the model once on each of the recorded inputs, or on zeros where there are none.
func (e *Engine) warmUp(recorded [][]byte) error {
	if len(recorded) == 0 {
		return e.warm()
	}
	for i, archive := range recorded {
		if err := WarmUp(e.runner, archive); err != nil {
			return fmt.Errorf("warm-up %d of %d: %w", i+1, len(recorded), err)
		}
	}
	return nil
}

// WarmUp runs a model once on recorded inputs, an archive of arrays by name (.npz), and finds out one that cannot run before
// it is served.
func WarmUp(r Runner, archive []byte) error {
	arrays, err := npy.ReadArchive(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	described := r.Signature().Inputs
	inputs := make([]*tensor.Tensor, len(described))
	for i, in := range described {
		if inputs[i] = arrays[in.Name]; inputs[i] == nil || inputs[i].DType != in.DType {
			return fmt.Errorf("no array %q of %s: %w", in.Name, in.DType, graph.ErrInput)
		}
	}
	return r.Run(inputs, r.NewOutputs())
}
