//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// settings writes a configuration file with one model whose versions are in a directory beside it.
func settings(t *testing.T, dir, text string) (config string) {
	t.Helper()
	config = filepath.Join(dir, "hotpath.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// modelDir makes a directory of models: m with the versions 1 to n.
func modelDir(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	file, err := os.ReadFile("digits/digits.onnx")
	if err != nil {
		t.Fatal(err)
	}
	for v := range n {
		at := filepath.Join(dir, "m", fmt.Sprint(v+1))
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "model.onnx"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// reload asks for the settings to be read anew and waits for what is logged of it.
func (p *process) reload(pattern string) {
	p.t.Helper()
	from := p.out.len()
	p.signal(syscall.SIGHUP)
	p.out.wait(p.t, from, pattern)
}

const readAnew = `msg="settings read anew"`

// answered is the model and version that answer a POST of rows.
func (p *process) answered(path string, rows int) (status int, by string) {
	p.t.Helper()
	body := `{"input_data": [` + strings.TrimSuffix(strings.Repeat(sampleDigit+",", rows), ",") + `]}`
	resp, err := http.Post(p.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("X-Hotpath-Model")
}

// comesTo waits until rows are answered so: what was loaded is served a moment later.
func (p *process) comesTo(rows, status int, by string) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("%d rows are answered %d by %q", rows, status, by), func() bool {
		s, b := p.answered("/predict", rows)
		return s == status && b == by
	})
}

// TestReload puts new settings into force at SIGHUP, of all models and of one, while requests run; keeps what needs a restart and
// says so; and keeps all where the file has an error anywhere, with the place of it in the log and a count in the metrics.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := settings(t, dir, "version-policy: all\nlimits: {max-rows: 3}\nobserve: {log-level: info}\n")
	audit := filepath.Join(dir, "audit.log")
	p := begin(t, "--config", file, "--models", modelDir(t, 3), "--audit", audit, "--queue", "77", "--drain-grace", "10ms")
	clients := ask(t, p.url, 2)
	if status, by := p.answered("/predict", 3); status != 200 || by != "m/3" {
		t.Fatal(status, by)
	}
	if status, _ := p.answered("/predict", 4); status != 413 {
		t.Errorf("4 rows: %d", status)
	}
	was := p.metric("hotpath_config_last_reload_success_timestamp_seconds")

	// A model's labels, split and policy; a limit; the level and format of the log. A flag wins over the file.
	settings(t, dir, "version-policy: all\nlimits: {max-rows: 4}\nobserve: {log-level: debug, log-format: json, slow: 1ns}\n"+
		"scheduling: {queue: 5}\nmodels:\n  m: {version-policy: \"specific:2\", labels: {stable: 2, canary: 1}, aliases: [other], max-rows: 2, batch-max: 1}\n")
	if err := os.Rename(audit, audit+".1"); err != nil {
		t.Fatal(err)
	}
	p.reload(`"msg":"settings read anew"`)
	p.out.wait(t, 0, `model unloaded\W.*version\W+3`)
	p.comesTo(2, 200, "m/2") // which is stable
	if status, _ := p.get("/v2/models/other/versions/1/ready"); status != 200 {
		t.Errorf("another name of it: %d", status)
	}
	p.out.wait(t, 0, `"msg":"model loaded","model":"m","version":2`) // which knows its limit
	p.comesTo(3, 413, "m/2")
	p.out.wait(t, 0, `"level":"DEBUG","msg":"request refused","status":413`)
	if _, text := p.get("/debug/slow"); !strings.Contains(text, `"path":"/predict"`) {
		t.Errorf("slow requests: %s", text)
	}
	if _, err := os.Stat(audit); err != nil {
		t.Errorf("the audit log is not begun anew: %v", err)
	}
	if got := p.metric("hotpath_config_last_reload_success_timestamp_seconds"); got <= was {
		t.Errorf("read at %v, before that at %v", got, was)
	}

	// What needs a restart is named, all of it in one entry, and the rest is in force.
	settings(t, dir, "limits: {max-rows: 6, max-body: 1MiB}\nobserve: {log-level: info}\nprecision: bf16\nlisteners: {http: \"127.0.0.1:1\"}\n")
	from := p.out.len()
	p.reload(`level=WARN msg="settings that only a restart.*settings="\[precision max-body\]"`) // --http is a flag
	p.out.wait(t, from, `model loaded\W.*version\W+3`)
	p.comesTo(6, 200, "m/3")

	// An error anywhere leaves everything as it is.
	for text, want := range map[string]string{
		"limits:\n  max-rows: 1\n  max-body: huge\n":                                     file + ":3: limits.max-body: ",
		"limits: {max-rows: 1}\nlimitz: {}\n":                                            file + ":2: limitz: unknown key",
		"limits: {max-rows: 1}\nmodels:\n  m: {split: {a: -1}}\n":                        file + ":3: models.m: split: label a has the weight -1",
		"limits: {max-rows: 1}\nauth: {jwks: /no/such/file, audience: us}\n":             "keys of tokens: stat /no/such/file",
		"limits: {max-rows: 1}\nauth: {audience: us}\n":                                  "--audience: expected with --jwks",
		"limits: {max-rows: 1}\nobserve: {otlp: nowhere}\n":                              "--otlp",
		"limits: {max-rows: 1}\nobserve:\n  log-level: loud\n":                           file + ":3: observe.log-level",
		"limits: {max-rows: 1}\ntls: {client-ca: ca.pem, tls-cert: a.pem, tls-key: b.p}": "", // begun and ended by a restart
	} {
		settings(t, dir, text)
		failed := p.metric("hotpath_config_reload_failures_total")
		if want == "" {
			p.reload(`settings="\[tls-cert tls-key client-ca\]"`)
			settings(t, dir, "limits: {max-rows: 6}\n")
			p.reload(readAnew)
			continue
		}
		p.reload(`level=ERROR msg="the settings have an error, those before stay in force" error="?` + regexp.QuoteMeta(want))
		if status, by := p.answered("/predict", 6); status != 200 || by != "m/3" {
			t.Errorf("%s: %d %s", text, status, by)
		}
		if ok, n := p.metric("hotpath_config_last_reload_successful"), p.metric("hotpath_config_reload_failures_total"); ok != 0 || n != failed+1 {
			t.Errorf("%s: successful %v, failures %v after %v", text, ok, n, failed)
		}
	}
	settings(t, dir, "limits: {max-rows: 2}\n")
	p.reload(readAnew)
	if status, _ := p.answered("/predict", 3); status != 413 || p.metric("hotpath_config_last_reload_successful") != 1 {
		t.Errorf("3 rows: %d", status)
	}
	clients.stop()
	p.end()
}

// TestReloadLazy brings models into memory that shall be there now.
func TestReloadLazy(t *testing.T) {
	dir := t.TempDir()
	file := settings(t, dir, "models:\n  m: {lazy: true}\nsources: {poll: 1h}\n")
	p := begin(t, "--config", file, "--models", modelDir(t, 2), "--drain-grace", "10ms")
	if _, text := p.get("/metrics"); strings.Contains(text, `hotpath_model_loads_total{model="m"}`) {
		t.Error("a lazy model is loaded")
	}
	settings(t, dir, "models:\n  m: {lazy: false}\nsources: {poll: 10ms}\n")
	p.reload(readAnew)
	p.out.wait(t, 0, `msg="model loaded" model=m version=2`)
	settings(t, dir, "models:\n  m: {version-policy: all}\nsources: {poll: 10ms}\n")
	p.reload(readAnew)
	p.out.wait(t, 0, `msg="model loaded" model=m version=1`)
	p.end()
}

// TestReloadTells the service manager that it reloads, and when it has, with an error too.
func TestReloadTells(t *testing.T) {
	dir := t.TempDir()
	hear := notifySocket(t, dir)
	file := settings(t, dir, "")
	p := begin(t, "--config", file, "--store", dir, "--drain-grace", "10ms")
	if got := hear(); got != "READY=1" {
		t.Errorf("%q", got)
	}
	for _, text := range []string{"lazy: true\n", "lazy: maybe\n"} {
		settings(t, dir, text)
		p.signal(syscall.SIGHUP)
		if got := hear(); !regexp.MustCompile(`^RELOADING=1(\nMONOTONIC_USEC=\d+)?$`).MatchString(got) {
			t.Errorf("%q", got)
		}
		if got := hear(); got != "READY=1" {
			t.Errorf("%q", got)
		}
	}
	p.end()
}
