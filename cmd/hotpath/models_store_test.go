package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModelsOnServer publishes signed, encrypted and with recorded inputs to a server over TLS that demands signatures,
// and takes the model through its life there with every verb. All of it is in the audit log, and so are commands on the
// store of the server.
func TestModelsOnServer(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, "models", "keygen", "--out", path("key.pem"))
	must(t, "models", "keygen", "--kind", "encrypt", "--out", path("id.txt"))
	store := path("store")
	secret := must(t, "keys", "create", "--name", "ci", "--scope", "admin", "--store", store)
	rows, err := json.Marshal(map[string]any{"input": [][64]float32{{}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"in.json": rows, "ci.key": []byte(secret)} {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url := startServe(t, "--store", store, "--version-policy", "all", "--tls-self-signed", "--audit", path("audit.log"), "--poll", "1h",
		"--identity", path("id.txt"), "--require-signature", path("key.pem.pub"))
	at := []string{"--server", url, "--key-file", path("ci.key"), "--cacert", filepath.Join(store, "tls", "self-signed.crt")}
	on := func(args ...string) []string { return append(append([]string{"models"}, args...), at...) }
	const model = "digits/digits.onnx"
	signed := []string{"publish", "m", model, "--label", "stable", "--sign", path("key.pem"), "--encrypt", path("id.txt.pub"), "--warmup", path("in.json"), "--note", "data=x"}
	for range 2 {
		must(t, on(signed...)...)
	}
	if code, _, errs := hotpath(on("publish", "m", model)...); code != exitFailed || !strings.Contains(errs, "demands signed models") {
		t.Errorf("unsigned: %d %s", code, errs)
	}
	must(t, on("label", "m", "canary", "1")...)
	must(t, on("rollback", "m")...)
	must(t, on("split", "m", "stable=9", "canary=1")...)
	must(t, on("policy", "m", "latest:2")...)
	must(t, on("alias", "a", "m")...)
	if out := must(t, on("show", "m", "--json")...); !strings.Contains(out, `"plain_sha256"`) || !strings.Contains(out, `"warmup"`) || !strings.Contains(out, `"latest:2"`) ||
		!strings.Contains(out, `"data": "x"`) || !strings.Contains(out, `"next": 3`) {
		t.Error(out)
	}
	if out := must(t, on("list")...); strings.Count(out, "\n") != 2 || !strings.Contains(out, "canary stable") {
		t.Errorf("%q", out)
	}
	var known struct{ Versions []struct{ SHA256 string } }
	if err := json.Unmarshal([]byte(must(t, on("show", "m", "--json")...)), &known); err != nil || len(known.Versions) != 2 {
		t.Fatal(known, err)
	}
	second := known.Versions[1].SHA256
	must(t, on("alias", "a", "--delete")...)
	must(t, on("split", "m")...)
	must(t, on("delete", "m", "2")...)
	if out := must(t, on("prune")...); out != "removed 0 files\n" {
		t.Errorf("%q", out)
	}
	must(t, "models", "verify", "--store", store, "--key", path("key.pem.pub"), "--identity", path("id.txt"))

	// Commands on the store itself.
	must(t, append([]string{"models"}, append(signed, "--store", store)...)...)
	must(t, "models", "rollback", "m", "--store", store)
	if code, _, _ := hotpath("models", "label", "m", "stable", "9", "--store", store); code != exitFailed {
		t.Error("a label of no version")
	}
	var digest struct{ Versions []struct{ SHA256 string } }
	if err := json.Unmarshal([]byte(must(t, "models", "show", "m", "--store", store, "--json")), &digest); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path("audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		var l struct {
			Who, From, Action, Error string
			Target                   []string
			Result                   any
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.From != "command" {
			l.From = "request"
		}
		if l.Who == "" || (l.Who == operator()) != (l.From == "command") {
			t.Errorf("who: %s", line)
		}
		b, _ := json.Marshal([]any{l.From, l.Action, l.Target, l.Result})
		lines = append(lines, string(b))
	}
	for _, want := range []string{
		`["request","POST /admin/models/{name}",["m","1","` + digest.Versions[0].SHA256 + `"],200]`,
		`["request","POST /admin/models/{name}",["m"],403]`,
		`["request","POST /admin/models/{name}/labels/{label}/rollback",["m","stable","1","` + digest.Versions[0].SHA256 + `"],200]`,
		`["request","DELETE /admin/models/{name}/versions/{version}",["m","2","` + second + `"],200]`,
		`["request","PUT /admin/models/{name}/split",["m","map[canary:1 stable:9]"],200]`,
		`["command","models publish",["m","3","` + digest.Versions[1].SHA256 + `"],"done"]`,
		`["command","models rollback",["m","stable","1","` + digest.Versions[0].SHA256 + `"],"done"]`,
		`["command","models label",["m","stable","9"],"failed"]`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s in %s", want, text)
		}
	}
	// A log that cannot be written stops the change.
	if err := os.Remove(filepath.Join(store, auditFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(store, auditFile), 0o700); err != nil {
		t.Fatal(err)
	}
	before := must(t, "models", "show", "m", "--store", store)
	if code, _, errs := hotpath("models", "delete", "m", "--all", "--store", store); code != exitFailed || !strings.Contains(errs, "audit log") {
		t.Errorf("%d %s", code, errs)
	}
	if after := must(t, "models", "show", "m", "--store", store); after != before {
		t.Error("it was done without the log")
	}
}

// TestServerFlags refuses flags that contradict each other, and says what a server that is not there answers.
func TestServerFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
	}{
		{"models list --server ftp://x", exitUsage}, {"models list --server http://x --store y", exitUsage}, {"models list --cacert models_store_test.go", exitUsage},
		{"models list --server http://127.0.0.1:1", exitFailed}, {"models list --server http://127.0.0.1:1 --cacert models_store_test.go", exitFailed},
		{"top --once --cacert models_store_test.go", exitFailed}, {"top --once --cacert nothing.pem", exitUsage},
	} {
		if code, _, errs := hotpath(strings.Fields(c.args)...); code != c.code {
			t.Errorf("%s: %d %s", c.args, code, errs)
		}
	}
}
