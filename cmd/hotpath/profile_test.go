package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchModelProfile: every step of the plan is timed, and the page and the pprof file are written.
func TestBenchModelProfile(t *testing.T) {
	dir := t.TempDir()
	page, prof := filepath.Join(dir, "p.html"), filepath.Join(dir, "p.pprof")
	var r struct {
		Runs  int
		Peak  float64
		Steps []struct {
			Op     string
			Share  float64
			GFLOPS float64
			FLOPs  int64
		}
	}
	out := must(t, "bench", "model", "digits/digits.onnx", "--shape", "input=64x64", "--seconds", "0.3", "--profile", "--json", "--html", page, "--pprof", prof)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	share, products := 0.0, 0
	for _, s := range r.Steps {
		share += s.Share
		if s.FLOPs > 0 && s.GFLOPS > 0 {
			products++
		}
	}
	if r.Runs < 1 || r.Peak <= 0 || products < 2 || share <= 0 || share > 1.001 {
		t.Errorf("%d runs, peak %v, %d products with a rate, the steps have %v of the time", r.Runs, r.Peak, products, share)
	}
	html, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(html), "<td>"+r.Steps[0].Op+"</td>") || strings.Contains(string(html), "http") {
		t.Errorf("the page does not show %s, or is not alone: %v", r.Steps[0].Op, err)
	}
	if data, err := os.ReadFile(prof); err != nil || len(data) == 0 {
		t.Errorf("pprof file: %d bytes, %v", len(data), err)
	}
	if code, _, errs := hotpath("bench", "model", "digits/digits.onnx", "--html", page); code != exitUsage || !strings.Contains(errs, "--profile") {
		t.Errorf("--html alone exits %d: %s", code, errs)
	}
}
