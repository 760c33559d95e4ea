package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
)

type benchCompareCmd struct {
	A      string `arg:"" help:"Binary, or JSON file of bench kernels: the old side." type:"existingfile"`
	B      string `arg:"" help:"The same, the new side." type:"existingfile"`
	Op     string `help:"Only operations whose name starts so." placeholder:"OP"`
	Shape  string `help:"Only this size." placeholder:"SHAPE"`
	Rounds int    `help:"Pairs of processes; each counts as one observation. A kernel that stays undecided gets up to three times as many." default:"20"`
	JSON   bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (benchCompareCmd) Help() string {
	return "Compares two binaries kernel by kernel, in turns of half a millisecond, or two result files, and exits 1 when one kernel of B is slower beyond noise: when the confidence interval of the ratio lies above 1.01. All intervals together hold with 99 %. Kernels that take over 20 ms or more memory than the caches hold are left out unless --op or --shape asks for them."
}

// turns is how often the two processes of a round alternate on a kernel; the median of the ratios is the round's.
const turns = 61

// Run implements the verb.
func (c *benchCompareCmd) Run(e *env) error {
	if c.Rounds < 2 {
		return fmt.Errorf("--rounds %d: expected 2 or more: %w", c.Rounds, errUsage)
	}
	var all []kernelbench.Comparison
	var err error
	if isJSON(c.A) && isJSON(c.B) {
		all, err = c.files()
	} else {
		all, err = c.binaries(e)
	}
	if err != nil {
		return err
	}
	var slower []string
	for _, k := range all {
		if k.Slower() {
			slower = append(slower, k.Op+" "+k.Shape)
		}
	}
	if c.JSON {
		if err := e.printJSON(map[string]any{"kernels": all, "slower": slower}); err != nil {
			return err
		}
	} else {
		for _, k := range all {
			verdict := ""
			switch {
			case k.Slower():
				verdict = "slower"
			case k.Faster():
				verdict = "faster"
			}
			fmt.Fprintf(e.stdout, "%-22s %-15s %.3f  [%.3f, %.3f] %s\n", k.Op, k.Shape, k.Ratio, k.Low, k.High, verdict)
		}
	}
	if len(slower) > 0 {
		return fmt.Errorf("slower beyond noise: %s", strings.Join(slower, ", "))
	}
	return nil
}

func isJSON(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	first := make([]byte, 1)
	_, err = f.Read(first)
	return err == nil && first[0] == '{'
}

// files compares the chosen variants of two result files.
func (c *benchCompareCmd) files() ([]kernelbench.Comparison, error) {
	var sides [2]*kernelbench.Report
	for i, path := range []string{c.A, c.B} {
		var err error
		if sides[i], err = kernelbench.ReadReport(path); err != nil {
			return nil, err
		}
		sides[i].Results = slices.DeleteFunc(sides[i].Results, func(r kernelbench.Result) bool {
			return !r.Chosen || len(r.Samples) == 0 || !strings.HasPrefix(r.Op, c.Op) || c.Shape != "" && r.Shape != c.Shape
		})
	}
	var all []kernelbench.Comparison
	for _, a := range sides[0].Results {
		i := slices.IndexFunc(sides[1].Results, func(b kernelbench.Result) bool { return a.Op == b.Op && a.Shape == b.Shape })
		if i < 0 {
			continue
		}
		b := sides[1].Results[i]
		k := kernelbench.Comparison{Op: a.Op, Shape: a.Shape, Rounds: min(len(a.Samples), len(b.Samples))}
		k.Ratio, k.Low, k.High = kernelbench.CompareSamples(a.Samples, b.Samples, len(sides[0].Results))
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil, errors.New("the files have no kernel with samples in common")
	}
	return all, nil
}

// binaries compares two binaries in rounds, each with a fresh process of both.
func (c *benchCompareCmd) binaries(e *env) ([]kernelbench.Comparison, error) {
	var all []kernelbench.Comparison
	var logs [][]float64
	p := e.newProgress("compare", c.Rounds)
	defer p.finish()
	undecided := true
	for round := 0; round < c.Rounds || round < 3*c.Rounds && undecided; round++ {
		a, err := startMeter(c.A, c.Op, c.Shape)
		if err != nil {
			return nil, err
		}
		defer a.stop()
		b, err := startMeter(c.B, c.Op, c.Shape)
		if err != nil {
			return nil, err
		}
		defer b.stop()
		if round == 0 {
			for _, k := range a.cases {
				if b.index(k) >= 0 && (c.Op+c.Shape != "" || quick(k)) {
					all = append(all, kernelbench.Comparison{Op: k.Op, Shape: k.Shape})
				}
			}
			if len(all) == 0 {
				return nil, errors.New("the binaries have no kernel in common")
			}
			logs = make([][]float64, len(all))
		}
		undecided = false
		for i := range all {
			k := &all[i]
			if round >= c.Rounds && !k.Undecided() {
				continue
			}
			x, err := turnsOf(a, b, *k)
			if err != nil {
				return nil, err
			}
			logs[i] = append(logs[i], x)
			k.Rounds = len(logs[i])
			k.Ratio, k.Low, k.High = kernelbench.Compare(logs[i], len(all))
			undecided = undecided || k.Undecided()
		}
		a.stop()
		b.stop()
		p.step(min(round+1, c.Rounds), "")
	}
	return all, nil
}

// quick leaves out what takes long or needs much memory.
func quick(k kernelbench.Case) bool { return !k.Cold && k.Flops < 1e9 }

// turnsOf returns the median logarithm of B's time over A's on one kernel. The side that goes first changes.
func turnsOf(a, b *meter, k kernelbench.Comparison) (float64, error) {
	key := kernelbench.Case{Op: k.Op, Shape: k.Shape}
	ia, ib := a.index(key), b.index(key)
	runs, _, err := a.measure(ia, 0)
	if err != nil {
		return 0, err
	}
	if _, _, err := b.measure(ib, runs); err != nil {
		return 0, err
	}
	var logs []float64
	for turn := range turns {
		var ns [2]float64
		for side := range 2 {
			if side == turn%2 {
				_, ns[0], err = a.measure(ia, runs)
			} else {
				_, ns[1], err = b.measure(ib, runs)
			}
			if err != nil {
				return 0, err
			}
		}
		logs = append(logs, math.Log(ns[1]/ns[0]))
	}
	slices.Sort(logs)
	return logs[len(logs)/2], nil
}

// meter is a process of bench kernels --serve.
type meter struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	cases []kernelbench.Case
}

func startMeter(binary, op, shape string) (*meter, error) {
	m := &meter{cmd: exec.CommandContext(context.Background(), binary, "bench", "kernels", "--serve", "--op="+op, "--shape="+shape)}
	m.cmd.Stderr = os.Stderr
	var err error
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.out = bufio.NewReader(out)
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	line, err := m.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &m.cases)
	}
	if err != nil {
		m.stop()
		return nil, fmt.Errorf("%s bench kernels --serve: expected a line of cases: %w", binary, err)
	}
	return m, nil
}

func (m *meter) index(k kernelbench.Case) int {
	return slices.IndexFunc(m.cases, func(x kernelbench.Case) bool { return x.Op == k.Op && x.Shape == k.Shape })
}

// measure returns the nanoseconds that runs of case i took on the process's own clock; 0 runs lets it choose how many.
func (m *meter) measure(i, runs int) (ran int, ns float64, err error) {
	if _, err := fmt.Fprintf(m.in, "%d %d\n", i, runs); err != nil {
		return 0, 0, err
	}
	var wall float64
	if _, err := fmt.Fscanln(m.out, &ran, &wall, &ns); err != nil {
		return 0, 0, fmt.Errorf("%s: expected a timing: %w", m.cmd.Path, err)
	}
	return ran, ns, nil
}

func (m *meter) stop() {
	m.in.Close() // ends its loop
	_ = m.cmd.Wait()
}
