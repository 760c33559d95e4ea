package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const cancerCSV = "../../graph/train/testdata/breast_cancer.csv"

// hotpath runs a command line in this process.
func hotpath(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestTrainAndEval: the keys of --json, the same file for any thread count, and the plain report.
func TestTrainAndEval(t *testing.T) {
	model := filepath.Join(t.TempDir(), "m.onnx")
	var digests []string
	for _, threads := range []string{"1", "2"} {
		code, stdout, stderr := hotpath("train", "--data", cancerCSV, "--target", "-1", "--model", "linear", "--seed", "3", "--threads", threads, "--out", model, "--json")
		var got struct {
			Accuracy, Precision, Recall, F1 float64
			SamplesPerS                     float64 `json:"samples_per_s"`
			SHA256                          string
			Rows                            int
			Confusion                       [][]int
		}
		if err := json.Unmarshal([]byte(stdout), &got); code != exitOK || err != nil {
			t.Fatalf("code %d, %v: %s", code, err, stderr)
		}
		if got.Accuracy < 0.95 || got.Precision < 0.9 || got.Recall < 0.9 || got.F1 < 0.9 || got.SamplesPerS <= 0 || got.Rows != 113 || len(got.Confusion) != 2 {
			t.Errorf("%s", stdout)
		}
		data, err := os.ReadFile(model)
		if err != nil || sha256Hex(data) != got.SHA256 {
			t.Errorf("sha256 %s is not that of the file: %v", got.SHA256, err)
		}
		digests = append(digests, got.SHA256)
	}
	if digests[0] != digests[1] {
		t.Errorf("1 thread gives %s, 2 give %s", digests[0], digests[1])
	}
	code, stdout, stderr := hotpath("eval", model, "--data", cancerCSV)
	if code != exitOK || !strings.Contains(stdout, "accuracy 0.9") || !strings.Contains(stdout, "malignant") {
		t.Errorf("eval: code %d: %s%s", code, stdout, stderr)
	}
	code, stdout, _ = hotpath("eval", model, "--data", cancerCSV, "--json")
	for _, key := range []string{"accuracy", "precision", "recall", "f1", "samples_per_s"} {
		if code != exitOK || !strings.Contains(stdout, `"`+key+`":`) {
			t.Errorf("eval --json lacks %q: code %d: %s", key, code, stdout)
		}
	}
}

// TestTrainFromYAML: flags override the description, and the report has a line per epoch and the confusion matrix.
func TestTrainFromYAML(t *testing.T) {
	dir := t.TempDir()
	spec := filepath.Join(dir, "spec.yaml")
	if err := os.WriteFile(spec, []byte("model: mlp:8\ntarget: diagnosis\nepochs: 50\nbatch: 16\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := hotpath("train", "--data", cancerCSV, "--model", spec, "--epochs", "4", "--out", filepath.Join(dir, "m.onnx"))
	for _, want := range []string{"1/4 loss", "4/4 loss", "held-out: accuracy", "predicted", "sha256"} {
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("code %d, expected %q in:\n%s%s", code, want, stdout, stderr)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files left, expected the description and the model: %v", len(entries), err)
	}
}

func TestTrainUsage(t *testing.T) {
	dir := t.TempDir()
	ragged := filepath.Join(dir, "ragged.csv")
	if err := os.WriteFile(ragged, []byte("a,b\n1,2\n3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "m.onnx")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no target", []string{"--data", cancerCSV, "--out", out}, exitUsage, "--target"},
		{"unknown target", []string{"--data", cancerCSV, "--target", "age", "--out", out}, exitUsage, `"age"`},
		{"unknown model", []string{"--data", cancerCSV, "--target", "-1", "--model", "forrest", "--out", out}, exitUsage, "forrest"},
		{"bad rate", []string{"--data", cancerCSV, "--target", "-1", "--lr", "-1", "--out", out}, exitUsage, "lr"},
		{"no file", []string{"--data", filepath.Join(dir, "none.csv"), "--target", "y", "--out", out}, exitFailed, "none.csv"},
		{"ragged file", []string{"--data", ragged, "--target", "b", "--out", out}, exitFailed, "ragged.csv line 3"},
		{"no folder", []string{"--data", cancerCSV, "--target", "-1", "--model", "tree", "--out", filepath.Join(dir, "no", "m.onnx")}, exitFailed, "m.onnx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := hotpath(append([]string{"train"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(strings.TrimSpace(stderr), "\n") != 0 {
				t.Errorf("code %d, stderr %q; expected %d and one line with %q", code, stderr, c.code, c.says)
			}
		})
	}
}
