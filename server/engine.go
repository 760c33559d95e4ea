package server

import (
	"context"
	"fmt"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/metrics"
)

// Engine is one loaded version of a model, ready to answer. It never changes; requests that began on an old one finish
// on it, and the garbage collector frees it when the last has.
type Engine struct {
	Name      string
	Version   int64
	Digest    string // SHA-256 of the model file
	Loaded    time.Time
	Signature *graph.Signature

	runner    Runner
	queue     *queue
	metrics   *metrics.Model
	header    []byte          // "name/version"
	labels    context.Context // with its name and version, for profiles
	precision string          // fast mode of the plan, "" for none
	rows      int             // most rows of one request, as the model's settings say; 0 for the server's limit
	rowBytes  int64           // of the outputs and their text, per row
	sessions  sync.Pool
	used      atomic.Int64  // when a request last began on it, about: a moment
	sampled   atomic.Int64  // when a row was last looked at, a moment
	buffers   *atomic.Int64 // bytes of the tensors of all sessions; apart, as what counts them must not keep the engine alive
}

// Session is the tensors of one request to an engine, reused by later ones.
type Session struct {
	Engine          *Engine
	Inputs, Outputs []*tensor.Tensor
	// Scratch is where a wire format keeps the decoder it made for this engine.
	Scratch any

	buffers *buffers
}

// Memory limits of one request beside its body.
const (
	// maxAnswer bounds outputs and their text.
	maxAnswer = 256 << 20
	// textBytes is the room that the text of a float takes, about.
	textBytes = 14
	// keepTensors is the largest input or output that goes back to the pool.
	keepTensors = 4 << 20
)

func newEngine(name string, version int64, digest string, r Runner) *Engine {
	e := &Engine{Name: name, Version: version, Digest: digest, Loaded: time.Now(), Signature: r.Signature(), runner: r,
		header: fmt.Appendf(nil, "%s/%d", name, version), buffers: new(atomic.Int64)}
	e.labels = profileLabels(name, version)
	if p, ok := r.(interface{ SetLabels(context.Context) }); ok {
		p.SetLabels(e.labels)
	}
	if p, ok := r.(interface{ Precision() string }); ok {
		e.precision = p.Precision()
	}
	for _, out := range e.Signature.Outputs {
		width := int64(1)
		for i, d := range out.Shape {
			if i > 0 && d > 0 {
				width *= int64(d)
			}
		}
		e.rowBytes += width * int64(out.DType.Size()+textBytes)
	}
	return e
}

// profileLabels are those of what works for a version of a model.
func profileLabels(name string, version int64) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels("model", name, "version", fmt.Sprint(version)))
}

// maxRows is the largest request: the configured number, or fewer where the answer would be too large.
func (e *Engine) maxRows(configured int) int {
	if e.rows > 0 {
		configured = min(configured, e.rows)
	}
	if e.rowBytes == 0 {
		return configured
	}
	return int(min(int64(configured), max(1, maxAnswer/e.rowBytes)))
}

// warm runs the model once on zeros, so that the first request finds everything in place, and a model that cannot run
// is found out before it is served. It is skipped where sizes are unknown.
func (e *Engine) warm() error {
	for _, in := range e.Signature.Inputs {
		for i, d := range in.Shape {
			if i > 0 && d < 1 {
				return nil
			}
		}
	}
	if err := e.runner.Run(e.runner.NewInputs(1), e.runner.NewOutputs()); err != nil {
		return fmt.Errorf("first run on zeros: %w", err)
	}
	return nil
}

// touch notes that e is in use. One write in 10 ms is enough to tell what is not.
func (e *Engine) touch(now moment) {
	if now.since(moment(e.used.Load())) > 10*time.Millisecond {
		e.used.Store(int64(now))
	}
}

// LastUsed is when a request last began on it, to about 10 ms; zero if none has.
func (e *Engine) LastUsed() time.Time {
	if m := e.used.Load(); m != 0 {
		return began.Add(time.Duration(m))
	}
	return time.Time{}
}

// Distribution is what was seen of its inputs and predictions.
func (e *Engine) Distribution() *metrics.Distribution { return e.metrics.Distribution() }

// Statistics is what it has counted since it was loaded.
func (e *Engine) Statistics() metrics.Statistics { return e.metrics.Statistics() }

func (e *Engine) session() *Session {
	if s, ok := e.sessions.Get().(*Session); ok {
		return s
	}
	return e.newSession(e.runner.NewInputs(1), e.runner.NewOutputs())
}

// end returns the session, unless it grew too large to keep.
func (s *Session) end() {
	if s.size() <= keepTensors {
		s.Engine.sessions.Put(s)
	}
}

// size is the largest tensor of the session, whose sum is counted. Strings are dropped: they view the body of a request.
func (s *Session) size() (size int) {
	sum := 0
	for _, tensors := range [2][]*tensor.Tensor{s.Inputs, s.Outputs} {
		for _, t := range tensors {
			size = max(size, cap(t.Bytes), 16*cap(t.Strings))
			sum += cap(t.Bytes) + 16*cap(t.Strings)
			clear(t.Strings)
		}
	}
	s.buffers.set(int64(sum))
	return size
}
