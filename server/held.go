package server

import (
	"runtime"
	"sync/atomic"

	"github.com/hotpath/hotpath/graph/tensor"
)

// buffers is the memory of the tensors of one session, as it is counted in that of its engine. It is apart from the
// session, which the garbage collector may take out of its pool: then it no longer counts.
type buffers struct {
	all   *atomic.Int64 // of the engine
	bytes int64
}

// newSession makes a session whose tensors are counted.
func (e *Engine) newSession(inputs, outputs []*tensor.Tensor) *Session {
	s := &Session{Engine: e, Inputs: inputs, Outputs: outputs, buffers: &buffers{all: e.buffers}}
	runtime.AddCleanup(s, func(b *buffers) { b.set(0) }, s.buffers)
	return s
}

func (b *buffers) set(bytes int64) {
	if bytes != b.bytes {
		b.all.Add(bytes - b.bytes)
		b.bytes = bytes
	}
}

// weightBytes is the memory of the weights, as they are packed where the runner knows that.
func (e *Engine) weightBytes() int64 {
	if p, ok := e.runner.(interface{ PackedBytes() int64 }); ok {
		return p.PackedBytes()
	}
	return e.runner.WeightBytes()
}

// holds is the memory beside the weights: what the runner keeps from run to run, and sessions.
func (e *Engine) holds() (arenas, buffers int64) {
	if p, ok := e.runner.(interface{ HeldBytes() int64 }); ok {
		arenas = p.HeldBytes()
	}
	return arenas, e.buffers.Load()
}
