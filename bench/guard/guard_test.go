package guard

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/onnx"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/predict"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("the profiles of an instrumented binary say nothing about this one: not run with -short")
		return
	}
	runtime.MemProfileRate = 1 // what GODEBUG=memprofilerate=1 does to the guarded binary
	os.Exit(m.Run())
}

// quick is enough to see what is injected here.
var quick = Effort{Operations: 5000, Profile: time.Second}

// network is 64 → 256 → 10, large enough for kernels to dominate.
func network(t *testing.T) []byte {
	t.Helper()
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "input", DType: tensor.Float32, Shape: []int{-1, 64}}},
		Outputs: []graph.Value{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 10}}},
		Initializers: map[string]*tensor.Tensor{
			"a": tensor.New(tensor.Float32, 64, 256), "b": tensor.New(tensor.Float32, 256), "c": tensor.New(tensor.Float32, 256, 10),
		},
		Nodes: []*graph.Node{
			{Op: "Gemm", Inputs: []string{"input", "a", "b"}, Outputs: []string{"h"}},
			{Op: "Gemm", Inputs: []string{"h", "c"}, Outputs: []string{"z"}}, {Op: "Softmax", Inputs: []string{"z"}, Outputs: []string{"output"}},
		},
	}}
	data, err := onnx.Write(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compile(data []byte) (*plan.Plan, error) {
	m, err := loader.Read(data)
	if err != nil {
		return nil, err
	}
	return plan.Compile(m, plan.Options{})
}

var (
	leak    atomic.Pointer[[48]byte] // requests run concurrently
	wasted  atomic.Uint64
	oneRow  = []byte(`{"input_data": [[` + strings.TrimSuffix(strings.Repeat("1,", 64), ",") + `]]}`)
	request = Target{Path: "/predict", Body: oneRow}
)

// allocateHere is the injected allocation; a failing guard names it.
//
//go:noinline
func allocateHere() { leak.Store(new([48]byte)) }

// wasteTimeHere is injected work that is neither kernel nor parsing nor I/O.
//
//go:noinline
func wasteTimeHere() {
	x := uint64(1)
	for range 20000 {
		x ^= x << 13
		x ^= x >> 7
	}
	wasted.Store(x)
}

func TestPlanWithinBudget(t *testing.T) {
	p, err := compile(network(t))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Plan(p, Budget{Allocations: PlanBudget.Allocations, Other: 1}, quick) // shares are for a quiet machine
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	if r.Shares[Kernels] == 0 {
		t.Errorf("no time in kernels: %s", r)
	}
}

func TestPlanGuardFails(t *testing.T) {
	p, err := compile(network(t))
	if err != nil {
		t.Fatal(err)
	}
	in, out := p.NewInputs(1), p.NewOutputs()
	for name, injected := range map[string]struct {
		f    func()
		want string
	}{
		"allocation": {allocateHere, "allocateHere"},
		"time":       {wasteTimeHere, "wasteTimeHere"},
	} {
		r, err := operation("plan", PlanBudget, quick, func() error { injected.f(); return p.Run(in, out) })
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Check(); !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), injected.want) {
			t.Errorf("injected %s: error %v, expected ErrBudget that names %s", name, err, injected.want)
		}
	}
}

// injectedAPI runs f in every request of another API.
type injectedAPI struct {
	server.API
	f func()
}

func (a injectedAPI) Routes() []server.Route {
	routes := a.API.Routes()
	for i := range routes {
		handle := routes[i].Handle
		routes[i].Handle = func(r *server.Request) error { a.f(); return handle(r) }
	}
	return routes
}

// serve starts a server in this process and returns where it is.
func serve(t *testing.T, f func()) Target {
	t.Helper()
	s, err := server.New(server.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", DrainGrace: 1,
		Sources: []server.Source{server.Embedded{Name: "m", Data: network(t)}},
		Load:    func(data []byte) (server.Runner, error) { return compile(data) },
		APIs:    []server.API{injectedAPI{predict.API{}, f}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	target := request
	target.URL, target.Admin = s.URL(), s.AdminURL()
	return target
}

func TestHTTPGuard(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func()
		want string // "": within budget
	}{
		{"nothing", func() {}, ""},
		{"an allocation", allocateHere, "allocateHere"},
	} {
		made, err := HTTPAllocations(serve(t, c.f), quick)
		if err != nil {
			t.Fatal(err)
		}
		r := report("http", HTTPBudget, quick, made, usage{}, 0)
		err = r.Check()
		if c.want == "" && err != nil {
			t.Errorf("with %s injected: %v", c.name, err)
		}
		if c.want != "" && (!errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("with %s injected: error %v, expected ErrBudget that names %s", c.name, err, c.want)
		}
	}
}

func TestHTTPUsageSeesInjectedWork(t *testing.T) {
	used, rate, err := HTTPUsage(serve(t, wasteTimeHere), quick)
	if err != nil {
		t.Fatal(err)
	}
	if err := report("http", HTTPBudget, quick, allocation{}, used, rate).Check(); !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "wasteTimeHere") {
		t.Errorf("error %v, expected ErrBudget that names wasteTimeHere", err)
	}
}
