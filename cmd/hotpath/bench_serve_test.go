package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// startServe runs serve with flags in a process and returns its URL.
func startServe(t *testing.T, flags ...string) string {
	t.Helper()
	s := exec.Command(os.Args[0], append([]string{"serve", "--http", "127.0.0.1:0", "--store", t.TempDir(), "--drain-grace", "1ms", "--log-level", "error"}, flags...)...)
	s.Env = append(os.Environ(), asBinary+"=1")
	s.Stderr = os.Stderr
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Process.Signal(syscall.SIGTERM)
		_ = s.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if u, ok := strings.CutPrefix(lines.Text(), servesAt); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return u
		}
	}
	t.Fatal("the server said no URL")
	return ""
}

// benchServe runs the verb until it counts an answer: on a slow machine one run may end before the first.
func benchServe(t *testing.T, args ...string) (r serveReport) {
	t.Helper()
	for range 50 {
		out := must(t, append([]string{"bench", "serve", "--json", "--duration", "100ms", "--warmup", "0s", "--connections", "2"}, args...)...)
		r = serveReport{}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if r.Answered > 0 {
			break
		}
	}
	if r.Answered == 0 || r.Statuses["200"] != r.Answered || r.Failed+r.NoAnswer != 0 {
		t.Errorf("bench serve %s: %+v", strings.Join(args, " "), r)
	}
	return r
}

// TestBenchServeProtocols: the server takes what is made for its models in every protocol, of one input and of several, numbers and
// text.
func TestBenchServeProtocols(t *testing.T) {
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("size,colour,age,y\n")
	for i := range 40 {
		fmt.Fprintf(&table, "%d,%s,%d,%d\n", i, []string{"red", "green"}[i/3%2], i%7, i/3%2)
	}
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(table.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"digits", "mixed"} {
		if err := os.MkdirAll(filepath.Join(dir, "models", name, "1"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "train", "--data", filepath.Join(dir, "t.csv"), "--target", "y", "--model", "linear", "--epochs", "1", "--out", filepath.Join(dir, "models/mixed/1/model.onnx"))
	must(t, "convert", "digits/digits.onnx", "--out", filepath.Join(dir, "models/digits/1/model.onnx"))
	url := startServe(t, "--models", filepath.Join(dir, "models"))
	for name := range protocols {
		for _, model := range []string{"digits", "mixed"} {
			one := benchServe(t, url, "--protocol", name, "--model", model)
			three := benchServe(t, url+"/", "--protocol", name, "--model", model, "--rows", "30", "--rate", "100")
			if one.Protocol != name || three.Bytes <= one.Bytes+100 {
				t.Errorf("%s of %s: %d bytes for a row, %d for thirty", name, model, one.Bytes, three.Bytes)
			}
		}
	}
	values := filepath.Join(dir, "values.json")
	if err := os.WriteFile(values, []byte(`{"input": [[`+strings.TrimSuffix(strings.Repeat("16,", 64), ",")+`]]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	benchServe(t, url, "--protocol", "kserve-binary", "--model", "digits", "--input", values)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{url, "--protocol", "predict"}, `["digits" "mixed"]`},
		{[]string{url, "--protocol", "kserve", "--model", "digits", "--shape", "other=1x64"}, "no input"},
		{[]string{url, "--protocol", "kserve", "--model", "digits", "--shape", "input=1xa"}, "sizes joined by x"},
		{[]string{url, "--protocol", "kserve", "--model", "digits", "--rows", "1000000000000"}, "too large"},
		{[]string{url, "--protocol", "kserve", "--model", "digits", "--rows", "2", "--input", values}, "--input"},
		{[]string{url + "/predict", "--protocol", "kserve", "--model", "digits"}, "--protocol"},
		{[]string{url, "--protocol", "kserve", "--model", "digits", "--body", values}, "--protocol"},
		{[]string{url, "--model", "digits"}, "without --protocol"},
		{[]string{url, "--warmup", "-1s"}, "--warmup"},
		{[]string{"ftp://x"}, "expected a URL"},
	} {
		if code, _, errs := hotpath(append([]string{"bench", "serve"}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d and %q, expected %q", c.args, code, errs, c.want)
		}
	}
	if code, _, errs := hotpath("bench", "serve", url, "--protocol", "tfserving", "--model", "none"); code != exitFailed || !strings.Contains(errs, "404") {
		t.Errorf("a model that is not there: exit %d and %q", code, errs)
	}
}

// TestBenchServeBodies sends the files in turn to a server of another kind, and tells its refusals by status.
func TestBenchServeBodies(t *testing.T) {
	var asked, a, b atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil || r.URL.RequestURI() != "/x?y=1" || r.Header.Get("X-A") != "b" || r.Header.Get("Authorization") != "Bearer k":
			t.Errorf("%v, %s with %v", err, r.URL, r.Header)
		case string(body) == "first":
			a.Add(1)
		case string(body) == "second":
			b.Add(1)
		}
		if asked.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer s.Close()
	dir := t.TempDir()
	args := []string{"bench", "serve", s.URL + "/x?y=1", "--json", "--duration", "200ms", "--connections", "1", "--header", "X-A: b", "--key", "k"}
	for _, text := range []string{"first", "second"} {
		path := filepath.Join(dir, text)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--body", path)
	}
	var r serveReport
	for a.Load() == 0 || b.Load() == 0 || r.Statuses["418"] == 0 {
		code, out, errs := hotpath(args...)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if want := r.Failed > 0; (code == exitFailed) != want || want && !strings.Contains(errs, "status 418") {
			t.Fatalf("exit %d with %d failed: %s", code, r.Failed, errs)
		}
	}
	if r.Failed != r.Statuses["418"] || r.Answered != r.Statuses["200"] || a.Load()-b.Load() > 2 || b.Load()-a.Load() > 2 {
		t.Errorf("%+v after %d and %d", r, a.Load(), b.Load())
	}
}

// TestBenchServeTelling: the plain line names statuses only where some are not 200, and what was not sent.
func TestBenchServeTelling(t *testing.T) {
	for _, c := range []struct {
		r    serveReport
		want string
	}{
		{serveReport{Answered: 5, Statuses: map[string]int64{"200": 5}}, "0 late, 0 failed\n"},
		{serveReport{Answered: 5, NoAnswer: 2, Failed: 3, Unsent: 7, Statuses: map[string]int64{"400": 1, "200": 5}},
			"3 failed; by status 200: 5, 400: 1, no answer: 2; 7 were due and not sent, so latencies are longer than these\n"},
	} {
		var b strings.Builder
		c.r.print(&b)
		if !strings.HasSuffix(b.String(), c.want) {
			t.Errorf("%q, expected %q", b.String(), c.want)
		}
	}
}

// TestBenchServeMetadata: what servers of other kinds say, and what cannot be asked for.
func TestBenchServeMetadata(t *testing.T) {
	answers := map[string]string{
		"/v2/repository/index":    `[{"name": "only", "version": "1"}, {"name": "only", "version": "2"}]`,
		"/v2/models/only":         `{"inputs": [{"name": "x", "datatype": "FP16", "shape": [-1, 2]}]}`,
		"/v2/models/odd":          `{"inputs": [{"name": "x", "datatype": "FP8", "shape": [-1, 2]}]}`,
		"/v2/models/none":         `{"inputs": []}`,
		"/v2/models/text":         `oops`,
		"/v2/models/scalars":      `{"inputs": [{"name": "x", "datatype": "FP32", "shape": []}]}`,
		"/v1/models/a b/metadata": `{"metadata": {"signature_def": {"signature_def": {"other": {}}}}}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := answers[r.URL.Path]; !ok {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, answers[r.URL.Path])
	}))
	defer s.Close()
	for _, c := range []struct{ protocol, model, want string }{
		{"kserve", "", "expected kserve-binary"},
		{"predict", "odd", "FP8"},
		{"predict", "none", "no inputs"},
		{"mlflow", "text", "invalid character"},
		{"predict", "scalars", "no rows"},
		{"tfserving", "a b", `expected the signature serving_default, found ["other"]`},
	} {
		if code, _, errs := hotpath("bench", "serve", s.URL, "--protocol", c.protocol, "--model", c.model); code == exitOK || !strings.Contains(errs, c.want) {
			t.Errorf("%s of %q: exit %d and %q, expected %q", c.protocol, c.model, code, errs, c.want)
		}
	}
}
