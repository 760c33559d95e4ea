package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server"
)

// slowed is a model whose runs wait for others to come, and which remembers how many rows they had.
type slowed struct {
	*plan.Plan
	mu   sync.Mutex
	rows map[int]int
	hold chan struct{}
}

func (s *slowed) Run(in, out []*tensor.Tensor) error {
	<-s.hold
	time.Sleep(time.Millisecond) // short runs are not batched
	s.mu.Lock()
	s.rows[in[0].Shape[0]]++
	s.mu.Unlock()
	return s.Plan.Run(in, out)
}

// TestBatchesGiveTheSameBits compares the answers of the digits model to requests of one to three rows, alone and
// batched, byte by byte.
func TestBatchesGiveTheSameBits(t *testing.T) {
	data, err := os.ReadFile("../cmd/hotpath/digits/digits.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := loader.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	p, err := plan.Compile(m, plan.Options{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	model := &slowed{Plan: p, rows: map[int]int{}, hold: make(chan struct{}, 1000)}
	model.hold <- struct{}{} // for the run that warms
	s := start(t, func(c *server.Config) {
		c.MaxConcurrency = 2
		c.Load = func([]byte) (server.Runner, error) { return model, nil }
	})
	const requests = 60
	rng := rand.New(rand.NewPCG(1, 2))
	var bodies, want []string
	for i := range requests {
		var rows []string
		for range 1 + i%3 {
			var row []string
			for range 64 {
				row = append(row, fmt.Sprint(rng.IntN(17)))
			}
			rows = append(rows, "["+strings.Join(row, ",")+"]")
		}
		bodies = append(bodies, `{"input_data": [`+strings.Join(rows, ",")+"]}")
	}
	for _, body := range bodies {
		model.hold <- struct{}{}
		code, text, _ := call(t, "POST", s.URL()+"/predict", body)
		if code != 200 {
			t.Fatalf("%d %s", code, text)
		}
		want = append(want, text)
	}
	clear(model.rows)
	var clients sync.WaitGroup
	for i, body := range bodies {
		clients.Go(func() {
			if code, text, _ := call(t, "POST", s.URL()+"/predict", body); code != 200 || text != want[i] {
				t.Errorf("request %d: %d\n%s\nalone:\n%s", i, code, text, want[i])
			}
		})
	}
	eventually(t, "most of them wait", func() bool { return s.Waiting() > requests/2 })
	close(model.hold)
	clients.Wait()
	largest := 0
	for rows := range model.rows {
		largest = max(largest, rows)
	}
	if largest < 16 {
		t.Errorf("rows of the runs: %v; nothing much was batched", model.rows)
	}
}
