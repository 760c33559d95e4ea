// Package servertest runs servers with made-up models for the tests of package server and of the wire formats.
package servertest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
)

// Runner is a made-up model: a signature and a function.
type Runner struct {
	Sig  graph.Signature
	Func func(in, out []*tensor.Tensor) error
}

// Signature implements server.Runner.
func (r *Runner) Signature() *graph.Signature { return &r.Sig }

// WeightBytes implements server.Runner.
func (r *Runner) WeightBytes() int64 { return 42 }

// NewInputs implements server.Runner.
func (r *Runner) NewInputs(rows int) (ts []*tensor.Tensor) {
	for _, in := range r.Sig.Inputs {
		shape := append([]int{}, in.Shape...)
		for i := range shape {
			if shape[i] < 0 && i == 0 {
				shape[i] = rows
			} else if shape[i] < 0 {
				shape[i] = 1
			}
		}
		ts = append(ts, tensor.New(in.DType, shape...))
	}
	return ts
}

// NewOutputs implements server.Runner.
func (r *Runner) NewOutputs() (ts []*tensor.Tensor) {
	for _, out := range r.Sig.Outputs {
		ts = append(ts, &tensor.Tensor{DType: out.DType})
	}
	return ts
}

// Run implements server.Runner.
func (r *Runner) Run(in, out []*tensor.Tensor) error { return r.Func(in, out) }

// Sum is a model with one float32 input of the given width whose output is factor times the sum of the row.
func Sum(width int, factor float32) *Runner {
	return &Runner{
		Sig: graph.Signature{
			Inputs:  []graph.Input{{Name: "input", DType: tensor.Float32, Shape: []int{-1, width}}},
			Outputs: []graph.Output{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		},
		Func: func(in, out []*tensor.Tensor) error {
			rows := in[0].Shape[0]
			out[0].Resize(rows, 1)
			x, y := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
			for r := range rows {
				sum := float32(0)
				for _, v := range x[r*width : (r+1)*width] {
					sum += v
				}
				y[r] = factor * sum
			}
			return nil
		},
	}
}

// Load reads the model files of tests: "sum WIDTH FACTOR", "slow WIDTH DURATION" or "panic". Anything else is broken.
func Load(data []byte) (server.Runner, error) {
	var width int
	var factor float32
	var wait string
	if n, _ := fmt.Sscanf(string(data), "sum %d %g end", &width, &factor); n == 2 && strings.HasSuffix(string(data), "end") {
		return Sum(width, factor), nil
	}
	if n, _ := fmt.Sscanf(string(data), "slow %d %s", &width, &wait); n == 2 {
		d, err := time.ParseDuration(wait)
		if err != nil {
			return nil, err
		}
		m := Sum(width, 1)
		run, warm := m.Func, true
		m.Func = func(in, out []*tensor.Tensor) error {
			if !warm {
				time.Sleep(d)
			}
			warm = false
			return run(in, out)
		}
		return m, nil
	}
	if string(data) == "panic" {
		m := Sum(1, 1)
		run := m.Func
		m.Func = func(in, out []*tensor.Tensor) error {
			if tensor.Data[float32](in[0])[0] == 666 {
				panic("secret detail /etc/passwd")
			}
			return run(in, out)
		}
		return m, nil
	}
	return nil, fmt.Errorf("not a test model: %w", graph.ErrFormat)
}

// Model is the bytes of a Sum model.
func Model(width int, factor float32) []byte { return fmt.Appendf(nil, "sum %d %g end", width, factor) }

// Source is a source of one model, version 1.
func Source(name string, data []byte) []server.Source {
	return []server.Source{server.Embedded{Name: name, Data: data}}
}

// Put writes DIR/NAME/VERSION/model.onnx as a copy would that never shows half a file.
func Put(t testing.TB, dir, version string, data []byte) {
	t.Helper()
	at := filepath.Join(dir, version)
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "tmp"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(at, "tmp"), filepath.Join(at, "model.onnx")); err != nil {
		t.Fatal(err)
	}
}

// Start runs a server until the test ends. Missing settings get values that suit tests.
func Start(t testing.TB, cfg server.Config) *server.Server {
	t.Helper()
	s, stop := StartStoppable(t, cfg)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

// StartStoppable is Start for tests that stop the server themselves.
func StartStoppable(t testing.TB, cfg server.Config) (s *server.Server, stop func() error) {
	t.Helper()
	if cfg.HTTP == "" {
		cfg.HTTP = "127.0.0.1:0"
	}
	if cfg.Load == nil {
		cfg.Load = Load
	}
	if cfg.Poll == 0 {
		cfg.Poll = 20 * time.Millisecond
	}
	if cfg.DrainGrace == 0 {
		cfg.DrainGrace = time.Millisecond
	}
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return s, func() error {
		cancel()
		http.DefaultClient.CloseIdleConnections()
		return <-done
	}
}
