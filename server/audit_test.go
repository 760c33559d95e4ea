package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/registry"
)

type audited struct {
	Time                            time.Time
	Who, Scope, From, Action, Error string
	Certificate                     string
	Target                          []string
	Result                          any
	Dropped                         int
}

// readAudit reads an audit log, every line of which must be one object.
func readAudit(t testing.TB, path string) (lines []audited, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		var l audited
		if err := json.Unmarshal([]byte(line), &l); line != "" && err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines, string(data)
}

// TestAudit writes down who managed what and who was refused, what clients send never ends a line, and no secret is in it.
func TestAudit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(`{"action": "before"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := server.OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	store, predictKey := storeWithKey(t, registry.Predict)
	adminKey, root, err := store.CreateKey("root", registry.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) {
		c.Keys, c.Audit, c.GRPC = store, log, "127.0.0.1:0"
		c.APIs = append(append([]server.API{}, apis...), admin.API{Store: store})
	})
	client := inference.NewGRPCInferenceServiceClient(dial(t, s))
	last := func() audited {
		lines, _ := readAudit(t, path)
		return lines[len(lines)-1]
	}
	lines, _ := readAudit(t, path)
	before := len(lines)

	// What is nobody's concern leaves no line.
	call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", predictKey)
	call(t, "GET", s.URL()+"/healthz", "")
	call(t, "GET", s.URL()+"/nothing", "")
	if lines, text := readAudit(t, path); len(lines) != before {
		t.Errorf("inference is audited: %s", text)
	}

	for _, c := range []struct {
		method, path, key string
		want              audited
	}{
		{"POST", "/admin/models/m/unload", adminKey, audited{Who: root.ID, Scope: "admin", Action: "POST /admin/models/{name}/unload", Target: []string{"m"}, Result: 200.0}},
		{"POST", "/v2/repository/models/m/load", adminKey, audited{Who: root.ID, Action: "POST /v2/repository/models/{model}/load", Target: []string{"m"}, Result: 200.0}},
		{"PUT", "/admin/models/m/labels/stable", adminKey, audited{Who: root.ID, Action: "PUT /admin/models/{name}/labels/{label}", Target: []string{"m", "stable"}, Result: 400.0}},
		{"POST", "/admin/models/m/load", predictKey, audited{Scope: "predict", Action: "POST /admin/models/{name}/load", Target: []string{"m"}, Result: 403.0, Error: "scope admin"}},
		{"POST", "/predict", "hp_wrong_secret", audited{Action: "POST /predict", Result: 401.0, Error: "not valid"}},
		{"DELETE", "/admin/models/x%0a%7b%22who%22%3a%22forged%22%7d%0d%E2%80%A8", adminKey, audited{Who: root.ID, Action: "DELETE /admin/models/{name}"}}, // a CR or LF that forges a line
		{"DELETE", "/admin/models/" + strings.Repeat("y", 5000), adminKey, audited{Who: root.ID, Action: "DELETE /admin/models/{name}"}},
	} {
		code, body, _ := call(t, c.method, s.URL()+c.path, "", "X-API-Key", c.key)
		got := last()
		if got.Who != c.want.Who && c.want.Who != "" || got.Action != c.want.Action || c.want.Result != nil && got.Result != c.want.Result ||
			!strings.Contains(got.Error, c.want.Error) || c.want.Target != nil && strings.Join(got.Target, "/") != strings.Join(c.want.Target, "/") ||
			!strings.HasPrefix(got.From, "127.0.0.1:") || time.Since(got.Time) > time.Minute {
			t.Errorf("%s %s answered %d %s: %+v", c.method, c.path, code, body, got)
		}
	}
	_, _ = client.RepositoryModelLoad(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", adminKey), &inference.RepositoryModelLoadRequest{ModelName: "m"})
	if got := last(); got.Who != root.ID || got.Action != "/inference.GRPCInferenceService/RepositoryModelLoad" || got.Result != "OK" || len(got.Target) != 1 {
		t.Errorf("over gRPC: %+v", got)
	}
	_, _ = client.RepositoryModelLoad(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", predictKey), &inference.RepositoryModelLoadRequest{ModelName: "m"})
	if got := last(); got.Scope != "predict" || got.Result != "PermissionDenied" {
		t.Errorf("refused over gRPC: %+v", got)
	}

	added, k, err := store.CreateKey("", registry.Predict)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new key is written down", func() bool { l := last(); return l.Action == "key added" && l.Target[0] == k.ID })
	rotated, _, err := store.Rotate(k.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a changed key is written down", func() bool { return last().Action == "key changed" })
	if err := store.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a removed key is written down", func() bool { return last().Action == "key removed" })

	eventually(t, "refusals do not fill the disk", func() bool {
		for range 50 {
			if code, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", "hp_wrong_secret"); code != http.StatusUnauthorized {
				t.Fatal(code)
			}
		}
		lines, _ := readAudit(t, path)
		return slices.ContainsFunc(lines, func(l audited) bool { return l.Dropped > 0 })
	})
	lines, text := readAudit(t, path)
	for _, l := range lines {
		if l.Who == "forged" {
			t.Error("a client wrote a line of its own")
		}
	}
	if lines[0].Action != "before" {
		t.Error("what was there was overwritten")
	}
	for _, secret := range []string{predictKey, adminKey, added, rotated, "hp_wrong_secret", strings.Repeat("y", 300)} {
		if strings.Contains(text, secret) {
			t.Errorf("%.20q is in the log", secret)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := server.OpenAudit(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}
