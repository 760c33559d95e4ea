package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func printed(t *testing.T, file string, args ...string) (code int, out string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hotpath.yaml")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	code = run(append([]string{"serve", "--print-config", "--config", name}, args...), &b, &b)
	return code, strings.ReplaceAll(b.String(), name, "FILE")
}

// TestPrecedence: a flag wins over the environment, that over the file, that over the default; what is printed is a file.
func TestPrecedence(t *testing.T) {
	file := "listeners:\n  http: 127.0.0.1:1\n  grpc: 127.0.0.1:2\nlimits:\n  max-body: 1MiB\n  max-rows: 7\nscheduling:\n  queue: 5\n" +
		"  batch-sizes: [1, 8]\nmodels:\n  slow: {concurrency: 1, timeout: 5s, lazy: false, version-policy: \"latest:2\", labels: {stable: 2}}\nlazy: true\n"
	t.Setenv("HOTPATH_MAX_ROWS", "8")
	t.Setenv("HOTPATH_GRPC", "127.0.0.1:3")
	code, out := printed(t, file, "--grpc", "127.0.0.1:4")
	for _, want := range []string{"http: 127.0.0.1:1\n", "grpc: 127.0.0.1:4\n", "max-body: 1MiB\n", "max-rows: 8\n", "queue: 5\n", "lazy: true\n",
		"max-body-memory: 256MiB\n", "concurrency: 1\n", "timeout: 5s\n", "timeout: 30s\n",
		"lazy: false\n", "version-policy: latest:2\n", "version-policy: latest\n", "stable: 2\n", "batch-sizes: [1, 8]\n", "# admin: ADDR\n",
		"after SIGTERM. (at once)\n"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is missing in\n%s", code, want, out)
		}
	}
	os.Unsetenv("HOTPATH_MAX_ROWS")
	os.Unsetenv("HOTPATH_GRPC")
	if _, again := printed(t, out); again != out {
		t.Errorf("printed\n%s\nand from that\n%s", out, again)
	}
}

// TestConfigErrors name file, line and key.
func TestConfigErrors(t *testing.T) {
	for file, want := range map[string]string{
		"listeners:\n  htpp: x\n":                     "FILE:2: listeners.htpp: unknown key",
		"http: x\n":                                   "FILE:1: http: unknown key",
		"limits:\n  max-rows: many\n":                 "FILE:2: limits.max-rows: --max-rows: expected",
		"limits:\n  max-body: 1KB\n":                  "FILE:2: limits.max-body:",
		"tls: yes\n":                                  "FILE:1: tls: expected keys",
		"lazy: true\nlazy: false\n":                   "FILE",
		"models:\n  m: {quue: 1}\n":                   "FILE:2: models.m.quue: unknown key",
		"models:\n  m: {queue: [1]}\n":                "FILE:2: models.m.queue:",
		"models:\n  m:\n    queue: -1\n":              "FILE:3: models.m.queue: expected nothing below 0",
		"models:\n  m:\n    version-policy: newest\n": "FILE:3: models.m.version-policy: version policy",
		"models:\n  m:\n    split: {a: 0}\n":          "FILE:3: models.m: split: all weights are 0",
		"models:\n  m:\n    labels: {\"a b\": 1}\n":   "FILE:3: models.m: label",
		"models:\n  \"a/b\": {queue: 1}\n":            "FILE:2: models.a/b:",
		"models: /models\n":                           "FILE:1: models: expected keys",
		"observe:\n  log-level: loud\n":               "FILE:2: observe.log-level: \"loud\", expected one of debug",
		"version-policy: newest\n":                    "FILE:1: version-policy:",
		"scheduling:\n  queue: -5\n":                  "FILE:2: scheduling.queue: expected nothing below 0",
		"scheduling:\n  queue: 0\n":                   "FILE:2: scheduling.queue: expected more than 0",
		"scheduling:\n  batch-sizes: [8, 0]\n":        "FILE:2: scheduling.batch-sizes: expected more than 0",
		"models:\n  m:\n    timeout: 0s\n":            "FILE:3: models.m.timeout: expected more than 0",
		"scheduling:\n  timeout: -5s\n":               "FILE:2: scheduling.timeout: expected nothing below 0",
		"print-config: true\n":                        "FILE:1: print-config: unknown key",
		"limits:\n  max-rows: {a: 1}\n":               "FILE:2: limits.max-rows: expected a value",
		"{":                                           "FILE",
	} {
		if code, out := printed(t, file); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%q: exit %d, %q is missing in %s", file, code, want, out)
		}
	}
}
