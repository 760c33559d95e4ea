package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpath/hotpath/server"
)

// reload puts settings into force.
func reload(t *testing.T, s *server.Server, cfg server.Config) error {
	t.Helper()
	return s.Reload(t.Context(), func() (server.Config, error) { return cfg, nil })
}

// TestReloadQueue changes the limit of a queue in which a request waits: that one stays, and is answered.
func TestReloadQueue(t *testing.T) {
	var cfg server.Config
	o := startBusy(t, func(c *server.Config) { cfg = *c })
	waiting := o.wait(goodBody)
	cfg.Scheduling.Models = map[string]server.Scheduling{"m": {Queue: 1}}
	if err := reload(t, o.s, cfg); err != nil {
		t.Fatal(err)
	}
	if a := <-o.send(goodBody); a.code != 429 && a.code != 503 {
		t.Errorf("a second one in a queue of one: %d %s", a.code, a.body)
	}
	cfg.Scheduling.Models = nil
	if err := reload(t, o.s, cfg); err != nil {
		t.Fatal(err)
	}
	second := o.wait(goodBody)
	o.release()
	for _, ch := range []chan answer{o.first, waiting, second} {
		if a := <-ch; a.code != 200 {
			t.Errorf("%d %s", a.code, a.body)
		}
	}
}

// TestReloadTokens takes over another set of keys under another name, keeps those in force where it cannot be read, and stays closed
// where tokens are no longer accepted.
func TestReloadTokens(t *testing.T) {
	old, next := newIssuer(t), newIssuer(t)
	dir := t.TempDir()
	file := func(name string, i *issuer) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, i.set(t, ""), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var cfg server.Config
	s := start(t, func(c *server.Config) {
		c.Tokens = server.Tokens{KeysFile: file("old", old), Issuer: "https://issuer.example", Audience: "hotpath"}
		cfg = *c
	})
	header := object{"alg": "EdDSA", "kid": "ed"}
	tokens := []string{old.sign(t, "EdDSA", header, good(nil)), next.sign(t, "EdDSA", header, good(nil)), ""}
	check := func(when string, want ...int) {
		t.Helper()
		for i, token := range tokens {
			if code, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "Authorization", "Bearer "+token); code != want[i] {
				t.Errorf("%s: token %d is answered %d, want %d", when, i, code, want[i])
			}
		}
	}
	check("at first", 200, 401, 401)
	cfg.Tokens.KeysFile = filepath.Join(dir, "none")
	if err := reload(t, s, cfg); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	check("after an error", 200, 401, 401)
	cfg.Tokens.KeysFile = file("next", next)
	if err := reload(t, s, cfg); err != nil {
		t.Fatal(err)
	}
	check("after the change", 401, 200, 401)
	cfg.Tokens = server.Tokens{}
	if err := reload(t, s, cfg); err != nil {
		t.Fatal(err)
	}
	check("without tokens", 401, 401, 401)
}

// TestReloadDoesNotExpose refuses what New would: an address off loopback that nothing protects any more.
func TestReloadDoesNotExpose(t *testing.T) {
	ca := newAuthority(t, "servers")
	var cfg server.Config
	s := start(t, func(c *server.Config) {
		c.HTTP, c.TLS = "0.0.0.0:0", tlsFiles(t, ca, newAuthority(t, "clients"))
		cfg = *c
	})
	cfg.TLS.ClientCA = ""
	if err := reload(t, s, cfg); !errors.Is(err, server.ErrExposed) {
		t.Errorf("client certificates are no longer demanded: %v", err)
	}
	cfg.TLS = server.TLS{}
	cfg.AllowPlaintext, cfg.AllowAnonymous = true, true
	if err := reload(t, s, cfg); err == nil {
		t.Error("TLS ends while a server runs")
	}
}

// TestModelSettings: what is set for a model counts more than what came with its files and less than what is set in a registry.
func TestModelSettings(t *testing.T) {
	yes := true
	own := server.ModelSettings{Policy: server.Policy{All: true}, MaxRows: 7, Labels: map[string]int64{"stable": 1, "canary": 2},
		Split: map[string]int{"stable": 1}, Aliases: []string{"b"}, Lazy: &yes}
	for _, managed := range []bool{false, true} {
		came := &server.Settings{Policy: server.Policy{Latest: 2}, MaxRows: 3, Split: map[string]int{"canary": 1}, Aliases: []string{"a", "b"}, Managed: managed}
		offers := server.Applied(own, []server.Offer{{Version: 2, Labels: []string{"stable"}, Settings: came}, {Version: 1, Settings: came}})
		s := offers[0].Settings
		if s.Policy.All == managed || (s.Split["canary"] == 1) != managed || s.MaxRows != 7 || len(s.Aliases) != 2 || offers[1].Settings != s {
			t.Errorf("managed %v: %+v", managed, s)
		}
		if l := offers[0].Labels; len(l) != 2 || l[1] != "canary" || offers[1].Labels != nil { // stable stays where it was put
			t.Errorf("labels %v and %v", l, offers[1].Labels)
		}
		if came.MaxRows != 3 || len(came.Aliases) != 2 {
			t.Error("the settings that came were changed")
		}
	}
}
