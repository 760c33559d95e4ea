package admin_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// part is a part of a body, name and content.
type part struct{ name, data string }

// parts makes a body.
func parts(t *testing.T, list ...part) (body string, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range list {
		to, err := w.CreateFormFile(p.name, "x")
		if err == nil {
			_, err = to.Write([]byte(p.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func upload(t *testing.T, url, contentType string, body io.Reader) (int, string) {
	t.Helper()
	resp, err := http.Post(url, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// TestPublishParts sends versions as parts: signed, encrypted and with recorded inputs, to a server that demands
// signatures and can decrypt. What is refused leaves nothing.
func TestPublishParts(t *testing.T) {
	signer, trust := servertest.NewSigner(t)
	stranger, _ := servertest.NewSigner(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	parsed := 0
	s, store := start(t, func(a *admin.API) {
		a.Access = registry.Access{Identities: []age.Identity{id}, Trust: trust}
		check := a.Check
		a.Check = func(model []byte, warmup [][]byte) (map[string]string, error) {
			parsed++
			return check(model, warmup)
		}
	})
	seal := func(data string, to age.Recipient) string {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, to)
		if err == nil {
			_, err = io.WriteString(w, data)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	sign := func(by *registry.Signer, name string, number int64, files ...string) part {
		digests := map[string]string{registry.ModelFile: registry.Digest([]byte(files[0]))}
		for i, f := range files[1:] {
			digests[registry.WarmupFile(i)] = registry.Digest([]byte(f))
		}
		bundle, err := by.Sign(name, number, digests)
		if err != nil {
			t.Fatal(err)
		}
		return part{"signature", string(bundle)}
	}
	model, inputs := string(servertest.Model(3, 2)), "inputs"
	plain, warm := part{"model", model}, part{"warmup", inputs}
	good := sign(signer, "m", 2, model, inputs)
	url := s.AdminURL() + "/admin/models/m?label=stable"

	one, kind := parts(t, sign(signer, "m", 1, model), plain, part{"note", "accuracy=0.97"}, part{"note", "bytes=mine"})
	if code, body := upload(t, url, kind, strings.NewReader(one)); code != 200 || !strings.Contains(body, `"version":1`) || !strings.Contains(body, `"accuracy":"0.97"`) ||
		!strings.Contains(body, `"bytes":"mine"`) {
		t.Fatalf("%d %s", code, body)
	}
	parsed = 0
	for _, c := range []struct {
		what  string
		code  int
		says  string
		parts []part
	}{
		{"no signature", 403, "demands signed models", []part{plain}},
		{"the signature after the model", 403, "before the files", []part{plain, good}},
		{"signed by another", 403, "not by a trusted key", []part{sign(stranger, "m", 2, model, inputs), plain, warm}},
		{"signed for another model", 403, "is for", []part{sign(signer, "n", 2, model, inputs), plain, warm}},
		{"other bytes", 403, "not the file that was signed", []part{good, {"model", model + " end"}, warm}},
		{"other inputs", 403, "not the file that was signed", []part{good, plain, {"warmup", "more"}}},
		{"a file fewer", 403, "2 files are signed", []part{good, plain}},
		{"a file more", 403, "2 files are signed", []part{good, plain, warm, warm}},
		{"no JSON", 400, "not JSON", []part{{"signature", "x"}, plain, warm}},
		{"a large signature", 413, "limit", []part{{"signature", strings.Repeat(" ", 1<<20)}, plain, warm}},
		{"encrypted to another", 400, "no identity", []part{good, {"model", seal(model, other.Recipient())}, warm}},
		{"encrypted and cut", 400, "decrypt", []part{good, {"model", seal(model, id.Recipient())[:205]}, warm}},
		{"no model", 400, "no part model", []part{good, warm}},
		{"two models", 400, "twice", []part{good, plain, plain}},
		{"an unknown part", 400, "found another", []part{good, plain, {"models", "x"}}},
		{"a note without a key", 400, "KEY=VALUE", []part{good, plain, warm, {"note", "x"}}},
		{"many parts", 413, "parts", append([]part{good}, notes(300)...)},
	} {
		body, kind := parts(t, c.parts...)
		if code, text := upload(t, url, kind, strings.NewReader(body)); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.what, code, text)
		}
	}
	if code, text := upload(t, url, "application/octet-stream", strings.NewReader(model)); code != 403 {
		t.Errorf("the model alone: %d %s", code, text)
	}
	whole, kind := parts(t, good, plain, warm)
	for _, cut := range []int{0, 1, len(whole) / 2, len(whole) - 20} { // an end that is no end; RG01
		if code, text := upload(t, url, kind, strings.NewReader(whole[:cut])); code != 400 {
			t.Errorf("cut at %d: %d %s", cut, code, text)
		}
	}
	if code, text := upload(t, url, "multipart/form-data", strings.NewReader(whole)); code != 400 {
		t.Errorf("no boundary: %d %s", code, text)
	}
	if parsed != 0 {
		t.Errorf("%d models were parsed that are not signed", parsed)
	}
	for _, c := range []struct {
		code  int
		says  string
		parts []part
	}{
		{409, "version 1 is signed, the next one is 2", []part{sign(signer, "m", 1, model), plain}},
		{409, "version 3 is signed, the next one is 2", []part{sign(signer, "m", 3, model), plain}},
		{400, "invalid", []part{sign(signer, "m", 2, model, "bad"), plain, {"warmup", "bad"}}},
		{400, "not a test model", []part{sign(signer, "m", 2, "broken"), {"model", "broken"}}},
	} {
		body, kind := parts(t, c.parts...)
		if code, text := upload(t, url, kind, strings.NewReader(body)); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.says, code, text)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(store.Dir(), "tmp")); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
	if r, err := store.Verify(registry.Access{Trust: trust}); err != nil || r.Versions != 1 || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}

	sealed, kind := parts(t, good, part{"model", seal(model, id.Recipient())}, part{"warmup", seal(inputs, id.Recipient())})
	if code, body := upload(t, url, kind, io.MultiReader(strings.NewReader(sealed))); code != 200 || !strings.Contains(body, `"version":2`) || !strings.Contains(body, "plain_sha256") {
		t.Fatalf("in chunks, encrypted: %d %s", code, body)
	}
	m, err := store.Show("m")
	if err != nil || len(m.Versions) != 2 || m.Labels["stable"] != 2 {
		t.Fatalf("%+v %v", m, err)
	}
	got, recorded, err := store.Read("m", m.Versions[1], registry.Access{Identities: []age.Identity{id}, Trust: trust})
	if err != nil || string(got) != model || len(recorded) != 1 || string(recorded[0]) != inputs {
		t.Errorf("%q %q %v", got, recorded, err)
	}
	if err := filepath.WalkDir(store.Dir(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(inputs)) {
			t.Errorf("plain bytes in %s", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	orphan := filepath.Join(store.Dir(), "tmp", "blob-dead")
	if err := os.WriteFile(orphan, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body, _ := call(t, "POST", s.AdminURL()+"/admin/prune", nil); code != 200 || body != `{"removed":["blob-dead"]}`+"\n" {
		t.Errorf("%d %s", code, body)
	}
	if code, body, _ := call(t, "GET", s.AdminURL()+"/admin/models", nil); code != 200 || !strings.Contains(body, `"next":3`) {
		t.Errorf("%d %s", code, body)
	}
}

func notes(n int) (list []part) {
	for i := range n {
		list = append(list, part{"note", fmt.Sprint(i, "=x")})
	}
	return list
}
