package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// start serves a registry, with admin rights on a loopback listener.
func start(t *testing.T, change func(*admin.API)) (*server.Server, *registry.Store) {
	t.Helper()
	store := registry.New(t.TempDir())
	api := admin.API{Store: store, Check: func(data []byte, warmup [][]byte) (map[string]string, error) {
		_, err := servertest.Load(data)
		for _, w := range warmup {
			if string(w) == "bad" {
				err = graph.ErrInput
			}
		}
		return map[string]string{"bytes": fmt.Sprint(len(data))}, err
	}}
	if change != nil {
		change(&api)
	}
	return servertest.Start(t, server.Config{Admin: "127.0.0.1:0", APIs: []server.API{predict.API{}, api}, Poll: time.Hour,
		Sources: []server.Source{server.Fallback{First: server.Registry{Store: store}, Else: servertest.Source("digits", servertest.Model(3, 1))[0]}}}), store
}

func call(t *testing.T, method, url string, body io.Reader) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

// TestLife takes a model through its whole life over HTTP. The server only looks at its models when it is told to.
func TestLife(t *testing.T) {
	s, _ := start(t, nil)
	do := func(method, path, body string) string {
		t.Helper()
		code, answer, _ := call(t, method, s.AdminURL()+path, strings.NewReader(body))
		if code != 200 {
			return fmt.Sprint(code)
		}
		return answer
	}
	answers := func(model, want string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			_, _, h := call(t, "POST", s.URL()+"/predict?model="+model, strings.NewReader(`{"input_data": [[1, 2, 3]]}`))
			if got := h.Get("X-Hotpath-Model"); got == want {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("%s answers as %s, want %s", model, got, want)
			}
		}
	}
	sum := func(factor float32) string { return string(servertest.Model(3, factor)) }
	var published struct {
		Name    string
		Version int64
		SHA256  string
	}
	if err := json.Unmarshal([]byte(do("POST", "/admin/models/m?label=stable", sum(1))), &published); err != nil ||
		published.Version != 1 || published.SHA256 != registry.Digest([]byte(sum(1))) {
		t.Fatalf("%+v %v", published, err)
	}
	answers("m", "m/1")
	do("POST", "/admin/models/m?label=canary", sum(2))
	answers("m", "m/1")
	if got := do("PUT", "/admin/models/m/labels/stable", `{"version": 2.0}`); !strings.Contains(got, `"version":2`) {
		t.Error(got)
	}
	answers("m", "m/2")
	do("POST", "/admin/models/m/labels/stable/rollback", "")
	answers("m", "m/1")
	do("PUT", "/admin/aliases/other", `{"model": "m"}`)
	answers("other", "m/1")
	do("PUT", "/admin/models/m/split", `{"weights": {"stable": 0.0, "canary": 1}}`)
	answers("m", "m/2")
	do("PUT", "/admin/models/m/split", `{}`)
	answers("m", "m/1")
	do("POST", "/admin/models/m", sum(3))
	do("PUT", "/admin/models/m/policy", `{"policy": "all"}`)
	if got := do("GET", "/admin/models", ""); !strings.Contains(got, `"policy":"all"`) || !strings.Contains(got, `"aliases":["other"]`) ||
		!strings.Contains(got, `"state":"AVAILABLE"`) {
		t.Error(got)
	}
	if got := do("POST", "/admin/models/m/unload", ""); !strings.Contains(got, "true") {
		t.Error(got)
	}
	if got := do("GET", "/admin/models", ""); !strings.Contains(got, "unloaded by request") {
		t.Error(got)
	}
	do("POST", "/admin/models/m/load", "")
	answers("m", "m/1")
	for _, refused := range []struct{ method, path, body, want string }{
		{"DELETE", "/admin/models/m/versions/1", "", "409"}, // a label points to it
		{"DELETE", "/admin/models/m", "", "409"},            // an alias does
		{"DELETE", "/admin/models/m/versions/9", "", "404"},
		{"DELETE", "/admin/models/m/versions/0", "", "400"},
		{"PUT", "/admin/aliases/m", `{"model": "m"}`, "409"},
		{"PUT", "/admin/aliases/loop", `{"model": "other"}`, "404"}, // aliases of aliases could be loops
		{"PUT", "/admin/aliases/x", `{"model": "none"}`, "404"},
		{"DELETE", "/admin/aliases/x", "", "404"},
		{"POST", "/admin/models/other", sum(1), "409"},
		{"POST", "/admin/models/-bad", sum(1), "400"},
		{"POST", "/admin/models/..%2Fup", sum(1), "400"},
		{"POST", "/admin/models/m?label=a%0Ab", sum(1), "400"},
		{"POST", "/admin/models/m", "no model", "400"},
		{"POST", "/admin/models/m", "", "400"},
		{"PUT", "/admin/models/m/labels/stable", `{"version": 99}`, "404"},
		{"PUT", "/admin/models/m/labels/stable", `{"version": 1, "force": true}`, "400"},
		{"PUT", "/admin/models/m/labels/stable", `{"version": 1.5}`, "400"},
		{"PUT", "/admin/models/m/labels/stable", `{"version": 9007199254740993.0}`, "400"},
		{"PUT", "/admin/models/m/labels/stable", `[`, "400"},
		{"PUT", "/admin/models/m/labels/stable", strings.Repeat(" ", 1<<20), "413"},
		{"POST", "/admin/models/m/labels/none/rollback", "", "404"},
		{"PUT", "/admin/models/m/policy", `{"policy": "newest"}`, "400"},
		{"PUT", "/admin/models/m/split", `{"weights": {"none": 1}}`, "404"},
		{"PUT", "/admin/models/m/split", `{"weights": {"stable": -1}}`, "400"},
		{"PUT", "/admin/models/m/split", `{"weights": {"stable": 0}}`, "400"},
		{"PUT", "/admin/models/m/split", `{"weights": {"stable": null}}`, "400"},
		{"PUT", "/admin/models/m/split", `{"weights": {"stable": 1e6000}}`, "400"},
		{"POST", "/admin/models/none/load", "", "404"},
	} {
		if got := do(refused.method, refused.path, refused.body); got != refused.want {
			t.Errorf("%s %s %s: %s, want %s", refused.method, refused.path, refused.body, got, refused.want)
		}
	}
	do("DELETE", "/admin/aliases/other", "")
	do("DELETE", "/admin/models/m", "")
	answers("", "digits/1") // the fallback
}

// TestBodyErrors say what of a body is wrong, in its own terms.
func TestBodyErrors(t *testing.T) {
	s, _ := start(t, nil)
	for body, want := range map[string]string{"99": "body: unexpected number", `{"model": 7}`: "body.model: unexpected number", `{"to": "m"}`: `body: unknown field \"to\"`} {
		if code, answer, _ := call(t, "PUT", s.AdminURL()+"/admin/aliases/x", strings.NewReader(body)); code != 400 || !strings.Contains(answer, `"`+want+`"`) {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
}

// TestUploads streams bodies that are larger than other bodies may be, break off, or come in chunks.
func TestUploads(t *testing.T) {
	s, store := start(t, nil)
	big := strings.Repeat(" ", 40<<20)
	if code, body, _ := call(t, "POST", s.AdminURL()+"/admin/models/m", strings.NewReader("sum 3 1 "+big+" end")); code != 200 {
		t.Errorf("40 MiB: %d %s", code, body)
	}
	if code, body, _ := call(t, "POST", s.AdminURL()+"/admin/models/m", io.MultiReader(strings.NewReader("sum 3 1"), strings.NewReader(" end"))); code != 200 {
		t.Errorf("chunks: %d %s", code, body)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(s.AdminURL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /admin/models/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nsum 3 1 end")
	_ = c.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(c)
	c.Close()
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("a body that broke off: %q", answer)
	}
	m, err := store.Show("m")
	if err != nil || len(m.Versions) != 2 {
		t.Errorf("%d versions, %v", len(m.Versions), err)
	}
	if left, _ := os.ReadDir(filepath.Join(store.Dir(), "tmp")); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
	// curl announces large bodies and waits for leave to send them.
	c, err = net.Dial("tcp", strings.TrimPrefix(s.AdminURL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /admin/models/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n")
	leave := make([]byte, 25)
	if _, err := io.ReadFull(c, leave); err != nil || !strings.HasPrefix(string(leave), "HTTP/1.1 100") {
		t.Errorf("%q %v", leave, err)
	}
}

// TestRights refuses every route without an admin key on the main listener, and uploads where signatures are demanded.
func TestRights(t *testing.T) {
	_, trust := servertest.NewSigner(t)
	s, store := start(t, func(a *admin.API) { a.Access.Trust = trust })
	for _, r := range (admin.API{Store: store}).Routes() {
		path := strings.NewReplacer("{name}", "m", "{label}", "l", "{version}", "1", "{alias}", "a").Replace(r.Path)
		if code, _, _ := call(t, r.Method, s.URL()+path, nil); code != 403 {
			t.Errorf("%s %s: %d", r.Method, path, code)
		}
	}
	if code, body, _ := call(t, "POST", s.AdminURL()+"/admin/models/m", strings.NewReader("sum 3 1 end")); code != 403 || !strings.Contains(body, "--sign") {
		t.Error(code, body)
	}
}
