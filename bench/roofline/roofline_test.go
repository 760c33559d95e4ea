package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
)

// TestRun: the picture is well-formed SVG that names the machine, the peaks, the bandwidth and the kernels in use.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "kernels.json"), filepath.Join(dir, "kernels.svg")
	r := &kernelbench.Report{CPU: "Some CPU", ISA: "avx512", Threads: 1, Read: 12.5, Results: []kernelbench.Result{
		{Op: "gemm_f32", Shape: "512x512x512", ISA: "avx2", P50: 3000, Flops: 2.7e8, Bytes: 3e6, Loop: "PeakF32", Peak: 95},
		{Op: "gemm_f32", Shape: "512x512x512", ISA: "avx512", Chosen: true, P50: 1700, Flops: 2.7e8, Bytes: 3e6, Loop: "PeakF32", Peak: 180},
		{Op: "gemm_u8s8s32", Shape: "8x8x8", ISA: "avx512", Chosen: true, P50: 1, Flops: 1024, Bytes: 400, Loop: "PeakU8S8", Peak: 300},
		{Op: "exp_f32", Shape: "4096", ISA: "avx512", Chosen: true, P50: 2, Elements: 4096, Bytes: 32768},
		{Op: "transpose_f32", Shape: "64x64", ISA: "avx512", Chosen: true, P50: 2, Bytes: 32768},
		{Op: "pool_fork_join", Shape: "hot", ISA: "ref", Chosen: true, P50: 1},
	}}
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	drawn, left, err := run(in, out)
	if err != nil || drawn != 5 || left != 1 {
		t.Fatalf("%d drawn, %d left, %v", drawn, left, err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var text strings.Builder
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok {
			text.Write(c)
		}
	}
	for _, want := range []string{"Some CPU", "avx2 peak, f32: 95", "avx512 peak, u8s8: 300", "reading memory, 12.5 GB/s", "gemm_f32 512x512x512", "exp_f32 4096",
		"one operation per element"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plot does not say %q", want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "kernels.json")
	if err := os.WriteFile(in, []byte(`{"results": [{"op": "pool_fork_join"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(in, filepath.Join(dir, "x.svg")); err == nil || !strings.Contains(err.Error(), "arithmetic") {
		t.Errorf("nothing to draw: %v", err)
	}
	if _, _, err := run(filepath.Join(dir, "none.json"), filepath.Join(dir, "x.svg")); err == nil {
		t.Error("a missing file is drawn")
	}
}
