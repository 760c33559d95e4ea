package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/hotpath/hotpath/bench/guard"
	"github.com/hotpath/hotpath/cmd/hotpath/digits"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/loader"
)

type benchCmd struct {
	Kernels benchKernelsCmd `cmd:"" help:"Time every kernel on every instruction set of this machine."`
	Compare benchCompareCmd `cmd:"" help:"Compare the kernels of two binaries or result files; exit 1 on a regression."`
	Guard   benchGuardCmd   `cmd:"" help:"Profile the hot path and fail over its budget."`
	Model   benchModelCmd   `cmd:"" help:"Time one run of a model."`
	Serve   benchServeCmd   `cmd:"" help:"Load a running server and print rate and latency of its answers."`
	Request benchRequestCmd `cmd:"" help:"Print a /predict body made from the rows of a table, for curl or a load generator."`
}

type benchGuardCmd struct {
	JSON bool `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (benchGuardCmd) Help() string {
	return "Runs Plan.Run in this process and /predict of this binary's server on loopback, both on the embedded digits model, reads their CPU and allocation profiles, and exits 1 when an operation allocates more than its budget or too much time goes to anything but kernels, parsing and I/O."
}

// Run implements the verb.
func (c *benchGuardCmd) Run(e *env) error {
	m, err := loader.Read(digits.Model)
	if err != nil {
		return err
	}
	p, err := plan.Compile(m, plan.Options{})
	if err != nil {
		return err
	}
	onPlan, err := guard.Plan(p, guard.PlanBudget, guard.FullEffort)
	if err != nil {
		return err
	}
	counting, err := startServer("GODEBUG=memprofilerate=1")
	if err != nil {
		return err
	}
	defer counting.stop()
	fast, err := startServer()
	if err != nil {
		return err
	}
	defer fast.stop()
	onHTTP, err := guard.HTTP(counting.target, fast.target, guard.HTTPBudget, guard.FullEffort)
	if err != nil {
		return err
	}
	reports := []*guard.Report{onPlan, onHTTP}
	if c.JSON {
		if err := e.printJSON(map[string]any{"reports": reports}); err != nil {
			return err
		}
	} else {
		for _, r := range reports {
			fmt.Fprint(e.stdout, r)
		}
	}
	return errors.Join(onPlan.Check(), onHTTP.Check())
}

// serverProcess is this binary serving the embedded model on ports of its own choice.
type serverProcess struct {
	cmd    *exec.Cmd
	target guard.Target
	store  string
}

func startServer(environment ...string) (*serverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	store, err := os.MkdirTemp("", "hotpath-guard-*") // an empty store: no models, no keys
	if err != nil {
		return nil, err
	}
	s := &serverProcess{store: store}
	s.cmd = exec.CommandContext(context.Background(), self, "serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store", store, "--log-level", "error", "--drain-grace", "1ms")
	s.cmd.Env = append(os.Environ(), environment...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.target = guard.Target{Path: "/predict", Body: []byte(`{"input_data": [` + sampleDigit + `]}`)}
	for lines := bufio.NewScanner(out); s.target.Admin == "" && lines.Scan(); {
		line := lines.Text()
		if u, ok := strings.CutPrefix(line, servesAt); ok {
			s.target.URL = u
		}
		if u, ok := strings.CutPrefix(line, metricsAt); ok {
			s.target.Admin = u
		}
	}
	if s.target.Admin == "" {
		s.stop()
		return nil, errors.New("the server did not say where it listens")
	}
	return s, nil
}

func (s *serverProcess) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	_ = s.cmd.Wait()
	os.RemoveAll(s.store)
}
