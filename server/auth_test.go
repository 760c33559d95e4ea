package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

func storeWithKey(t testing.TB, scope registry.Scope) (*registry.Store, string) {
	t.Helper()
	store := registry.New(t.TempDir())
	secret, _, err := store.CreateKey("test", scope)
	if err != nil {
		t.Fatal(err)
	}
	return store, secret
}

// TestAU01EveryRouteNeedsACredential derives its requests from the routing table: nothing but health answers without a
// key, under the path in the table or another spelling of it.
func TestAU01EveryRouteNeedsACredential(t *testing.T) {
	store, predictKey := storeWithKey(t, registry.Predict)
	adminKey, _, err := store.CreateKey("root", registry.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Keys, c.Admin = store, "127.0.0.1:0" })
	public := map[string]bool{"/healthz": true, "/readyz": true, "/v2/health/live": true, "/v2/health/ready": true, "/ping": true, "/health": true}
	for _, r := range s.Routes() {
		if public[r.Path] != (r.Right == server.Public) {
			t.Errorf("%s %s has right %d", r.Method, r.Path, r.Right)
		}
		path := strings.NewReplacer("{model}", "m", "{version}", "1", "{label}", "stable", "{*}", "x").Replace(r.Path)
		base := s.URL()
		if r.Place == server.OnAdmin || r.Place == server.OnMonitor {
			base = s.AdminURL()
		}
		for _, method := range []string{r.Method, "HEAD", "OPTIONS", "PUT", "DELETE"} {
			for _, spelling := range []string{path, "/" + path, path + "/", strings.ToUpper(path), "/%2e" + path, path + "%00",
				path + ";x=1", "/x/.." + path, strings.Replace(path, "p", "%70", 1), path + "?key=x"} {
				for _, header := range []string{"", "Bearer wrong", "Bearer ", "Basic " + "Og==", "Basic !", predictKey} {
					code, _, _ := call(t, method, base+spelling, goodBody, "Authorization", header)
					if code < 400 && !public[r.Path] {
						t.Errorf("%s %s with %q: %d", method, spelling, header, code)
					}
				}
			}
		}
		if public[r.Path] {
			continue
		}
		for _, header := range []string{"", "Bearer wrong"} {
			if code, body, h := call(t, r.Method, base+path, goodBody, "Authorization", header); code != 401 || h.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %q: %d %s, want 401", r.Method, path, header, code, body)
			}
		}
		for _, key := range []string{predictKey, adminKey} {
			code, body, _ := call(t, r.Method, base+path, goodBody, "X-API-Key", key)
			if refused := code == 401 || code == 403; refused != (r.Right > server.Predict && key == predictKey) {
				t.Errorf("%s %s with key %.6s: %d %s", r.Method, path, key, code, body)
			}
		}
	}
}

// TestAU01TwinsNeedOneRight: what can be asked over HTTP and over gRPC needs the same right both ways, and a row that says nothing a key.
func TestAU01TwinsNeedOneRight(t *testing.T) {
	s, twins := start(t, nil), 0
	for _, r := range s.Routes() {
		if r.RPC == "" {
			continue
		}
		if twins++; s.Methods()[r.RPC] != r.Right {
			t.Errorf("%s %s: %d, %s: %d", r.Method, r.Path, r.Right, r.RPC, s.Methods()[r.RPC])
		}
	}
	if twins < 40 {
		t.Errorf("%d routes are methods of gRPC too", twins)
	}
	if (server.Route{}).Right == server.Public {
		t.Error("a route that says nothing is open to everyone")
	}
}

// TestKeySpellings accepts a key in the three ways clients send one.
func TestKeySpellings(t *testing.T) {
	store, key := storeWithKey(t, registry.Predict)
	s := start(t, func(c *server.Config) { c.Keys = store })
	req, _ := http.NewRequest("POST", s.URL()+"/predict", nil)
	req.SetBasicAuth("any", key)
	for _, h := range [][2]string{{"Authorization", "Bearer " + key}, {"authorization", "bearer " + key}, {"X-API-Key", key},
		{"Authorization", req.Header.Get("Authorization")}} {
		if code, body, _ := call(t, "POST", s.URL()+"/predict", goodBody, h[0], h[1]); code != 200 {
			t.Errorf("%v: %d %s", h[0], code, body)
		}
	}
}

// TestRevokingTheLastKeyOpensNothing also shows that changes of keys reach a running server.
func TestRevokingTheLastKeyOpensNothing(t *testing.T) {
	store := registry.New(t.TempDir())
	s := start(t, func(c *server.Config) { c.Keys = store })
	code := func(key string) int {
		c, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", key)
		return c
	}
	if code("") != 200 {
		t.Error("closed without keys on loopback")
	}
	key, k, err := store.CreateKey("", registry.Predict)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new key is demanded", func() bool { return code("") == 401 && code(key) == 200 })
	if err := store.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revoked key is refused", func() bool { return code(key) == 401 })
	if code("") != 401 {
		t.Error("open after the last key was revoked")
	}
}

// TestExposure refuses to listen off loopback without TLS and keys unless each is waived.
func TestExposure(t *testing.T) {
	withKey, _ := storeWithKey(t, registry.Predict)
	self := server.TLS{SelfSignedDir: t.TempDir()}
	for _, tc := range []struct {
		name string
		cfg  server.Config
		ok   bool
	}{
		{"nothing", server.Config{}, false},
		{"keys only", server.Config{Keys: withKey}, false},
		{"TLS only", server.Config{TLS: self}, false},
		{"both", server.Config{TLS: self, Keys: withKey}, true},
		{"keys, TLS waived", server.Config{Keys: withKey, AllowPlaintext: true}, true},
		{"TLS, keys waived", server.Config{TLS: self, AllowAnonymous: true}, true},
		{"both waived", server.Config{AllowAnonymous: true, AllowPlaintext: true}, true},
	} {
		for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
			cfg := tc.cfg
			cfg.HTTP, cfg.Load = address, servertest.Load
			s, err := server.New(cfg)
			if s != nil {
				s.Close()
			}
			if tc.ok != (err == nil) || err != nil && !errors.Is(err, server.ErrExposed) {
				t.Errorf("%s at %s: %v", tc.name, address, err)
			}
			cfg.HTTP, cfg.Admin = "127.0.0.1:0", address
			if s, err = server.New(cfg); s != nil {
				s.Close()
			}
			if tc.ok != (err == nil) {
				t.Errorf("%s with admin at %s: %v", tc.name, address, err)
			}
			cfg.Admin, cfg.GRPC = "", address
			if s, err = server.New(cfg); s != nil {
				s.Close()
			}
			if tc.ok != (err == nil) || err != nil && !errors.Is(err, server.ErrExposed) {
				t.Errorf("%s with gRPC at %s: %v", tc.name, address, err)
			}
		}
	}
}

// TestSelfSignedTLS trusts the certificate of a self-signed start by its file; old protocol versions are refused and
// HTTP/2 is not offered; a second start keeps the certificate.
func TestSelfSignedTLS(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *server.Config) { c.TLS = server.TLS{SelfSignedDir: dir} })
	pem, err := os.ReadFile(filepath.Join(dir, "self-signed.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "self-signed.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", info, err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Post(s.URL()+"/predict", "", strings.NewReader(goodBody))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%d %s %s", resp.StatusCode, resp.Proto, body)
	}
	address := strings.TrimPrefix(s.URL(), "https://")
	if c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}); err == nil {
		c.Close()
		t.Error("TLS 1.1 was accepted")
	}
	if c, err := net.Dial("tcp", address); err == nil { // plain HTTP on the TLS port harms nothing
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		c.Close()
	}
	again, err := server.New(server.Config{HTTP: "127.0.0.1:0", TLS: server.TLS{SelfSignedDir: dir}, Load: servertest.Load})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if again.Fingerprint != s.Fingerprint {
		t.Error("the certificate changed on restart")
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// TestOriginBehindProxy: where a proxy has the name and the certificate, its page is ours; where TLS is ours, one without is not.
func TestOriginBehindProxy(t *testing.T) {
	everyone := func(c *server.Config) { c.AllowAnonymous = true }
	plain := start(t, everyone)
	ca := newAuthority(t, "servers")
	encrypted := start(t, func(c *server.Config) {
		everyone(c)
		c.TLS = tlsFiles(t, ca, nil)
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: "api.example"}}}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		server       *server.Server
		host, origin string
		want         int
	}{
		{plain, "models.example:8443", "https://models.example:8443", 200},
		{plain, "models.example", "http://models.example", 200},
		{plain, "models.example", "https://evil.example", 403},
		{plain, "models.example", "ftp://models.example", 403},
		{plain, "models.example", "models.example", 403},
		{plain, "models.example", "null", 403},
		{encrypted, "models.example", "https://models.example", 200},
		{encrypted, "models.example", "http://models.example", 403},
		{start(t, nil), "models.example", "https://models.example", 421},
	} {
		req, err := http.NewRequest("POST", tc.server.URL()+"/predict", strings.NewReader(goodBody))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tc.host
		req.Header.Set("Origin", tc.origin)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s from %s: %d, want %d", tc.host, tc.origin, resp.StatusCode, tc.want)
		}
	}
}
