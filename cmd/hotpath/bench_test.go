package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
)

// asBinary in the environment makes the test binary hotpath itself, for verbs that start binaries.
const asBinary = "HOTPATH_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// keysOf returns the keys of a JSON object that hold something.
func keysOf(t *testing.T, object any) map[string]bool {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for k := range m {
		keys[k] = true
	}
	return keys
}

// benchKeys are those that scripts rely on for every measurement.
var benchKeys = []string{"p50_us", "p99_us", "min_us", "runs", "throughput", "threads", "isa"}

// TestBenchKernels: the keys of --json, one variant in use per case, the files of --out, and the table.
func TestBenchKernels(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	args := []string{"bench", "kernels", "--op", "gemm_f32", "--shape", "64x64x64", "--seconds", "0.001"}
	var report struct {
		CPU, ISA string
		Threads  int
		Read     float64          `json:"read_gbs"`
		Results  []map[string]any `json:"results"`
	}
	out := must(t, append(args, "--json", "--out", dir)...)
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.CPU == "" || report.ISA == "" || report.Threads != 1 || report.Read <= 0 {
		t.Fatalf("%v in %s", err, out)
	}
	chosen := 0
	for _, r := range report.Results {
		keys := keysOf(t, r)
		for _, k := range append(benchKeys, "op", "shape", "variant", "unit", "peak", "peak_fraction", "roof_us", "flops", "bytes") {
			if !keys[k] {
				t.Errorf("a result has no %s: %v", k, r)
			}
		}
		if r["chosen"] == true {
			chosen++
		}
	}
	if chosen != 1 {
		t.Errorf("%d variants are in use, expected one of %d", chosen, len(report.Results))
	}
	written, err := kernelbench.ReadReport(filepath.Join(dir, "kernels.json"))
	if err != nil || len(written.Results) != len(report.Results) {
		t.Errorf("kernels.json: %v, %+v", err, written)
	}
	text, err := os.ReadFile(filepath.Join(dir, "kernels.txt"))
	if err != nil || !strings.Contains(string(text), "BenchmarkKernel/op=gemm_f32/shape=64x64x64/variant=gemm_f32_") {
		t.Errorf("kernels.txt: %v, %s", err, text)
	}
	table := must(t, append(args, "--threads", "2")...)
	for _, want := range []string{"of peak", "of roof", "2 threads", " *", "GFLOP/s"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}

// TestBenchKernelsRecord writes into the directory it runs in.
func TestBenchKernelsRecord(t *testing.T) {
	t.Chdir(t.TempDir())
	for range 2 {
		must(t, "bench", "kernels", "--op", "relu_f32", "--shape", "4096", "--seconds", "0.001", "--record")
	}
	files, err := filepath.Glob("bench/results/*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var rec kernelbench.Record
	if err := json.Unmarshal(text, &rec); err != nil || rec.Microarchitecture+".json" != filepath.Base(files[0]) || len(rec.Results) == 0 {
		t.Errorf("%v in %s", err, text)
	}
	tiers := map[string]bool{}
	for _, r := range rec.Results {
		if tiers[r.ISA] {
			t.Errorf("%s is recorded twice", r.ISA)
		}
		tiers[r.ISA] = true
	}
}

// TestBenchUsage: what does not exist or makes no sense is a wrong command line.
func TestBenchUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"kernels", "--op", "nonesuch"}, exitUsage, "nonesuch"},
		{[]string{"kernels", "--op", "gemm_f32", "--shape", "1x2x3"}, exitUsage, "1x2x3"},
		{[]string{"kernels", "--op", "gemm_f32", "--seconds", "0"}, exitUsage, "--seconds"},
		{[]string{"kernels", "--op", "pool_fork_join"}, exitUsage, "--threads 2"},
		{[]string{"kernels", "--threads", "-1"}, exitUsage, "--threads"},
		{[]string{"compare", "/nowhere", file}, exitUsage, "/nowhere"},
		{[]string{"compare", file, file, "--rounds", "1"}, exitUsage, "--rounds"},
		{[]string{"compare", file, file}, exitFailed, "in common"},
		{[]string{"model", "/nowhere.onnx"}, exitUsage, "/nowhere.onnx"},
		{[]string{"model", file}, exitFailed, "a.json"},
	} {
		code, _, errs := hotpath(append([]string{"bench"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("bench %s: exit %d and %q, expected %d and %q", strings.Join(c.args, " "), code, errs, c.code, c.want)
		}
	}
}

// TestBenchCompareFiles: 0 on equal figures and on faster ones, 1 on slower ones, which it names.
func TestBenchCompareFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, factor float64) string {
		r := kernelbench.Report{CPU: "Some CPU", Threads: 1}
		for _, op := range []string{"gemm_f32", "exp_f32"} {
			x := kernelbench.Result{Op: op, Shape: "64", Variant: op + "_avx2", Chosen: true, P50: 10, Runs: 20, Throughput: 1, Unit: "GB/s"}
			for i := range 20 {
				us := 10 + 0.01*float64(i%5)
				if op == "gemm_f32" {
					us *= factor
				}
				x.Samples = append(x.Samples, us)
			}
			r.Results = append(r.Results, x)
		}
		if err := r.Write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name, "kernels.json")
	}
	same, slow, fast := write("same", 1), write("slow", 1.05), write("fast", 0.9)
	for _, c := range []struct {
		b    string
		code int
	}{{same, exitOK}, {fast, exitOK}, {slow, exitFailed}} {
		code, out, errs := hotpath("bench", "compare", same, c.b, "--json")
		var got struct {
			Kernels []kernelbench.Comparison
			Slower  []string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != c.code || len(got.Kernels) != 2 {
			t.Fatalf("%s: exit %d, %v in %s", c.b, code, err, out)
		}
		if c.code == exitFailed && (!slices.Equal(got.Slower, []string{"gemm_f32 64"}) || !strings.Contains(errs, "gemm_f32 64")) {
			t.Errorf("slower: %v, %q", got.Slower, errs)
		}
	}
	if _, out, _ := hotpath("bench", "compare", same, slow, "--op", "exp"); strings.Contains(out, "gemm") || !strings.Contains(out, "exp_f32") {
		t.Errorf("--op exp prints %s", out)
	}
}

// TestBenchCompareBinaries compares this binary with itself in two rounds. What it says about so few is not the point.
func TestBenchCompareBinaries(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "hotpath")
	if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\n%s=1 exec %s \"$@\"\n", asBinary, self), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errs := hotpath("bench", "compare", script, script, "--op", "relu_f32", "--shape", "4096", "--rounds", "2", "--json")
	var got struct{ Kernels []kernelbench.Comparison }
	if err := json.Unmarshal([]byte(out), &got); err != nil || code > exitFailed || len(got.Kernels) != 1 {
		t.Fatalf("exit %d, %v in %s: %s", code, err, out, errs)
	}
	if k := got.Kernels[0]; k.Op != "relu_f32" || k.Rounds < 2 || k.Ratio <= 0 || k.Low > k.Ratio || k.High < k.Ratio {
		t.Errorf("%+v", k)
	}
}

// TestBenchModelKeys: the keys of --json, and rows per second that follow from the median.
func TestBenchModelKeys(t *testing.T) {
	out := must(t, "bench", "model", "digits/digits.onnx", "--seconds", "0.01", "--json")
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for _, k := range append(benchKeys, "model", "shapes", "gflops", "cold") {
		if _, ok := got[k]; !ok {
			t.Errorf("no %s in %s", k, out)
		}
	}
	if rows := got["throughput"].(float64) * got["p50_us"].(float64) / 1e6; rows < 0.99 || rows > 1.01 {
		t.Errorf("%v rows a run, expected 1", rows)
	}
}
