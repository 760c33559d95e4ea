package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
)

// served starts a server as serve would and returns what it makes of the models, as "NAME VERSION STATE".
func served(t *testing.T, c *serveCmd) string {
	t.Helper()
	cfg, pool, err := c.config(&env{stdout: io.Discard, stderr: io.Discard}, slog.New(slog.DiscardHandler), new(atomic.Bool))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	cfg.HTTP, cfg.DrainGrace = "127.0.0.1:0", time.Millisecond
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := s.Serve(ended); err != nil {
		t.Error(err)
	}
	var list []string
	for _, m := range s.Models().Models {
		for _, v := range m.Versions {
			list = append(list, fmt.Sprint(m.Name, " ", v.Number, " ", v.State))
		}
	}
	return strings.Join(list, ", ")
}

// TestSealedModels publishes a version that is signed and encrypted, with recorded inputs, and serves it where key and
// identity are given.
func TestSealedModels(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, "models", "keygen", "--out", path("key.pem"))
	must(t, "models", "keygen", "--kind", "encrypt", "--out", path("id.txt"))
	if code, _, _ := hotpath("models", "keygen", "--out", path("key.pem")); code != exitFailed {
		t.Error("a key is overwritten")
	}
	store := path("store")
	rows, err := json.Marshal(map[string]any{"input": [][64]float32{{}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"in.json": rows, "bad.json": []byte(`{"input": [[1, 2]]}`)} {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const model = "digits/digits.onnx"
	must(t, "models", "publish", "m", model, "--store", store)
	must(t, "models", "publish", "m", model, "--store", store, "--sign", path("key.pem"), "--encrypt", path("id.txt.pub"), "--warmup", path("in.json"))
	if code, _, errs := hotpath("models", "publish", "m", model, "--store", store, "--warmup", path("bad.json")); code != exitFailed || !strings.Contains(errs, "bad.json") {
		t.Errorf("inputs that do not run: %d %s", code, errs)
	}
	key, identity := []string{path("key.pem.pub")}, identityFlag{Identity: []string{path("id.txt")}}
	must(t, "models", "policy", "m", "all", "--store", store)
	for _, c := range []struct {
		what string
		cmd  serveCmd
		want string
	}{
		{"everything", serveCmd{identityFlag: identity, RequireSignature: key}, "m 2 AVAILABLE, m 1 END"},
		{"no identity", serveCmd{RequireSignature: key}, "m 2 END, m 1 END"},
		{"nothing demanded", serveCmd{identityFlag: identity}, "m 2 AVAILABLE, m 1 AVAILABLE"},
	} {
		c.cmd.Store, c.cmd.VersionPolicy = store, "latest"
		if got := served(t, &c.cmd); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if code, out, _ := hotpath("models", "verify", "--store", store, "--key", key[0]); code != exitFailed || !strings.Contains(out, "version 1 has no signature") {
		t.Errorf("verify: %d %s", code, out)
	}
	must(t, "models", "delete", "m", "1", "--store", store)
	must(t, "models", "verify", "--store", store, "--key", key[0])
	must(t, "models", "verify", "--store", store, "--key", key[0], "--identity", path("id.txt"))
}

// TestSignedDirectories signs versions in a directory, a file and a SavedModel, and serves those alone that are as they
// were signed.
func TestSignedDirectories(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, "models", "keygen", "--out", path("key.pem"))
	models := path("models")
	for _, v := range []string{"good/1", "good/02", "none/1", "changed/1", "moved/7"} {
		if err := os.CopyFS(filepath.Join(models, v), os.DirFS("digits")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(models, v, "digits.onnx"), filepath.Join(models, v, "model.onnx")); err != nil {
			t.Fatal(err)
		}
		if v != "none/1" {
			must(t, "models", "sign", filepath.Join(models, v), "--key", path("key.pem"))
		}
	}
	if err := os.Rename(filepath.Join(models, "moved/7"), filepath.Join(models, "moved/8")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(models, "changed/1/digits.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := serveCmd{Models: models, RequireSignature: []string{path("key.pem.pub")}, VersionPolicy: "all"}
	if got := served(t, &c); !strings.Contains(got, "good 2 AVAILABLE, good 1 AVAILABLE") || strings.Count(got, "AVAILABLE") != 2 {
		t.Error(got)
	}
	for _, args := range [][]string{{filepath.Join(models, "good")}, {filepath.Join(models, "good/1"), "--name", "-x"}, {path("key.pem")}} {
		if code, _, errs := hotpath(append([]string{"models", "sign", "--key", path("key.pem")}, args...)...); code == exitOK {
			t.Errorf("%v: %s", args, errs)
		}
	}
}

// TestOpenSSLKeys signs with a key that openssl made.
func TestOpenSSLKeys(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl on this machine")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"ecparam", "-name", "prime256v1", "-genkey", "-out", path("key.pem")}, {"pkey", "-in", path("key.pem"), "-pubout", "-out", path("pub.pem")},
	} {
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	must(t, "models", "publish", "m", "digits/digits.onnx", "--store", path("store"), "--sign", path("key.pem"))
	must(t, "models", "verify", "--store", path("store"), "--key", path("pub.pem"))
}

// TestModelSettings names aliases, policies and splits on the command line.
func TestModelSettings(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	must(t, "models", "publish", "m", "digits/digits.onnx", "--label", "stable", "--store", store)
	must(t, "models", "alias", "other", "m", "--store", store)
	must(t, "models", "policy", "m", "latest:2", "--store", store)
	must(t, "models", "split", "m", "stable=90", "--store", store)
	if out := must(t, "models", "show", "m", "--store", store, "--json"); !strings.Contains(out, `"aliases"`) || !strings.Contains(out, `"latest:2"`) || !strings.Contains(out, `"stable": 90`) {
		t.Error(out)
	}
	for _, args := range [][]string{{"alias", "m", "m"}, {"alias", "x"}, {"policy", "m", "newest"}, {"split", "m", "none=1"}, {"split", "m", "stable=-1"}, {"delete", "m", "--all"}} {
		if code, _, _ := hotpath(append(append([]string{"models"}, args...), "--store", store)...); code == exitOK {
			t.Errorf("%v is accepted", args)
		}
	}
	must(t, "models", "split", "m", "--store", store)
	must(t, "models", "alias", "other", "--delete", "--store", store)
	must(t, "models", "delete", "m", "--all", "--store", store)
}
