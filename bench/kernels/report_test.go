package kernelbench

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
)

func sampleReport() *Report {
	return &Report{CPU: "Some CPU", ISA: "avx2", Threads: 2, Read: 10, Results: []Result{
		{Op: "gemm_f32", Shape: "8x8x8", Variant: "gemm_f32_6x16_avx2", ISA: "avx2", Chosen: true, P50: 2, P99: 3, Min: 1, Runs: 40, Throughput: 50,
			Unit: "GFLOP/s", Threads: 2, Flops: 1024, Bytes: 768, Loop: "PeakF32", Peak: 100, PeakFraction: 0.5, Roof: 1, Samples: []float64{2, 2.5}},
		{Op: "exp_f32", Shape: "64", Variant: "exp_f32_ref", ISA: "ref", P50: 4, P99: 4, Min: 4, Runs: 10, Throughput: 0.123456, Unit: "GB/s",
			Threads: 2, Bytes: 512, Elements: 64, Samples: []float64{4}},
	}}
}

// TestBenchfmt: the package behind benchstat reads every line, with names, units and values as they were.
func TestBenchfmt(t *testing.T) {
	dir := t.TempDir()
	if err := sampleReport().Write(dir); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "kernels.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := benchfmt.NewReader(f, "kernels.txt")
	var results []*benchfmt.Result
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			results = append(results, rec.Clone())
		case *benchfmt.SyntaxError:
			t.Fatal(rec)
		}
	}
	if r.Err() != nil || len(results) != 3 {
		t.Fatalf("%d lines, %v", len(results), r.Err())
	}
	if got := results[1].Name.String(); got != "Kernel/op=gemm_f32/shape=8x8x8/variant=gemm_f32_6x16_avx2-2" {
		t.Errorf("name %q", got)
	}
	for unit, want := range map[string]float64{"sec/op": 2.5e-6, "GFLOP/s": 40, "%peak": 40} {
		if got, ok := results[1].Value(unit); !ok || math.Abs(got/want-1) > 1e-6 {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
	if got := results[2].GetConfig("cpu"); got != "Some CPU" {
		t.Errorf("cpu %q", got)
	}
	back, err := ReadReport(filepath.Join(dir, "kernels.json"))
	if err != nil || len(back.Results) != 2 || back.Results[0].Peak != 100 || back.Results[0].Samples[1] != 2.5 {
		t.Errorf("kernels.json: %+v, %v", back, err)
	}
}

// TestRecord: figures of the same kernel, size, tier and threads are replaced, others stay, and other threads are others.
func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	first := sampleReport()
	path, err := UpdateRecord(dir, "zen9", first)
	if err != nil || filepath.Base(path) != "zen9.json" {
		t.Fatal(path, err)
	}
	second := sampleReport()
	second.Results = second.Results[:1]
	second.Results[0].P50 = 1.23456
	if _, err := UpdateRecord(dir, "zen9", second); err != nil {
		t.Fatal(err)
	}
	second.Threads, second.Results[0].Threads = 1, 1
	if _, err := UpdateRecord(dir, "zen9", second); err != nil {
		t.Fatal(err)
	}
	rec, err := readRecord(path, "zen9")
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Results) != 3 || rec.Results[0].P50 != 1.235 || rec.Results[1].Op != "exp_f32" || rec.Results[2].Threads != 1 || len(rec.Read) != 2 || rec.Results[0].Samples != nil {
		t.Errorf("%+v", rec)
	}
	if err := os.WriteFile(path, []byte("no json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := UpdateRecord(dir, "zen9", first); err == nil || !strings.Contains(err.Error(), "zen9.json") {
		t.Errorf("a broken record: %v", err)
	}
}
