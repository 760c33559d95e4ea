package server_test

import (
	"bytes"
	"io"
	"net/http"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestCPUProfileNamesModels has two models that compute while a profile is taken: the goroutine of a run has the labels
// of its model, and so have the samples. Profiles are taken until there is one with samples.
func TestCPUProfileNamesModels(t *testing.T) {
	var labelled [2]atomic.Pointer[string]
	busy := func(i int) server.Runner {
		m := servertest.Sum(3, 1)
		run := m.Func
		m.Func = func(in, out []*tensor.Tensor) error {
			if labelled[i].Load() == nil {
				var text bytes.Buffer
				_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
				for line := range strings.Lines(text.String()) {
					if strings.Contains(line, "labels:") && strings.Contains(line, []string{`"model":"a"`, `"model":"b"`}[i]) {
						labelled[i].Store(&line)
					}
				}
			}
			for range 1000 {
				_ = run(in, out)
			}
			return nil
		}
		return m
	}
	models := map[string]server.Runner{"a": busy(0), "b": busy(1)}
	var sources []server.Source
	for name := range models {
		sources = append(sources, server.Embedded{Name: name, Data: []byte(name)})
	}
	s := servertest.Start(t, server.Config{APIs: apis, Admin: "127.0.0.1:0", Sources: sources,
		Load: func(data []byte) (server.Runner, error) { return models[string(data)], nil }})
	done := make(chan struct{})
	defer func() { <-done }()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				call(t, "POST", s.URL()+"/predict?model=a", goodBody)
				call(t, "POST", s.URL()+"/predict?model=b", goodBody)
			}
		}
	}()
	end := time.Now().Add(2 * time.Minute)
	for seen := map[string]bool{}; !seen["a"] || !seen["b"]; {
		if time.Now().After(end) {
			t.Fatalf("no profile within two minutes has samples of both models: %v", seen)
		}
		answer, err := http.Get(s.AdminURL() + "/debug/pprof/profile?seconds=1")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.ParseData(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range p.Sample {
			if m := sample.Label["model"]; len(m) == 1 {
				seen[m[0]] = true
				if v := sample.Label["version"]; len(v) != 1 || v[0] != "1" {
					t.Fatalf("version %v of model %s", v, m)
				}
			}
		}
	}
	for i := range labelled {
		if line := labelled[i].Load(); line == nil || !strings.Contains(*line, `"version":"1"`) {
			t.Errorf("the goroutine of model %c has the labels %v", 'a'+i, line)
		}
	}
}
