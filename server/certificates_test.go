package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/servertest"
)

// authority is a CA of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue signs a certificate that is valid until a time.
func (a *authority) issue(t testing.TB, name string, use x509.ExtKeyUsage, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{use}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"api.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// writePair writes a certificate and its key as PEM files.
func writePair(t testing.TB, c tls.Certificate, certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tlsFiles are a server certificate of ca and the certificate of clients' authority in a fresh directory.
func tlsFiles(t testing.TB, ca, clients *authority) server.TLS {
	t.Helper()
	dir := t.TempDir()
	files := server.TLS{Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	writePair(t, ca.issue(t, "first", x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour)), files.Cert, files.Key)
	if clients != nil {
		files.ClientCA = filepath.Join(dir, "clients.crt")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: clients.cert.Raw})
		if err := os.WriteFile(files.ClientCA, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestAU06ClientCertificates demands a certificate of the right authority, over HTTP and gRPC.
func TestAU06ClientCertificates(t *testing.T) {
	ca, clients := newAuthority(t, "servers"), newAuthority(t, "clients")
	s := start(t, func(c *server.Config) { c.TLS, c.GRPC = tlsFiles(t, ca, clients), "127.0.0.1:0" })
	soon := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		certs []tls.Certificate
		ok    bool
	}{
		"none":          {nil, false},
		"good":          {[]tls.Certificate{clients.issue(t, "client", x509.ExtKeyUsageClientAuth, soon)}, true},
		"expired":       {[]tls.Certificate{clients.issue(t, "client", x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Hour))}, false},
		"unknown CA":    {[]tls.Certificate{newAuthority(t, "clients").issue(t, "client", x509.ExtKeyUsageClientAuth, soon)}, false},
		"the server CA": {[]tls.Certificate{ca.issue(t, "client", x509.ExtKeyUsageClientAuth, soon)}, false},
		"not a client":  {[]tls.Certificate{clients.issue(t, "client", x509.ExtKeyUsageServerAuth, soon)}, false},
	} {
		cfg := &tls.Config{RootCAs: ca.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(c.certs) == 0 {
				return &tls.Certificate{}, nil
			}
			return &c.certs[0], nil // whatever the server says it accepts
		}}
		tr := &http.Transport{TLSClientConfig: cfg.Clone()}
		resp, err := (&http.Client{Transport: tr}).Post(s.URL()+"/predict", "", strings.NewReader(goodBody))
		if err == nil {
			resp.Body.Close()
		}
		if ok := err == nil && resp.StatusCode == 200; ok != c.ok {
			t.Errorf("%s over HTTP: %v", name, err)
		}
		tr.CloseIdleConnections()
		client := inference.NewGRPCInferenceServiceClient(dial(t, s, grpc.WithTransportCredentials(credentials.NewTLS(cfg.Clone()))))
		if _, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3)); (err == nil) != c.ok {
			t.Errorf("%s over gRPC: %v", name, err)
		}
	}
	// Off loopback a demanded certificate is a credential.
	for _, demanded := range []bool{true, false} {
		files := tlsFiles(t, ca, clients)
		if !demanded {
			files.ClientCA = ""
		}
		s, err := server.New(server.Config{HTTP: "0.0.0.0:0", TLS: files, Load: servertest.Load})
		if s != nil {
			s.Close()
		}
		if demanded != (err == nil) || err != nil && !errors.Is(err, server.ErrExposed) {
			t.Errorf("client certificates demanded: %v, off loopback: %v", demanded, err)
		}
	}
}

// TestAU06Handshakes offers old protocol versions, weak ciphers and another protocol inside, or no handshake at all.
func TestAU06Handshakes(t *testing.T) {
	ca := newAuthority(t, "servers")
	s := start(t, func(c *server.Config) {
		c.TLS, c.GRPC, c.HeaderTimeout = tlsFiles(t, ca, nil), "127.0.0.1:0", 5*time.Second // for handshakes too
	})
	var silent sync.WaitGroup
	defer silent.Wait()
	for protocol, address := range map[string]string{"http/1.1": strings.TrimPrefix(s.URL(), "https://"), "h2": s.GRPCAddress()} {
		for name, c := range map[string]struct {
			cfg *tls.Config
			ok  bool
		}{
			"TLS 1.3":      {&tls.Config{MinVersion: tls.VersionTLS13}, true},
			"TLS 1.2":      {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
			"TLS 1.1":      {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
			"TLS 1.0":      {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
			"CBC":          {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}}, false},
			"RC4 and 3DES": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}}, false},
			"another ALPN": {&tls.Config{NextProtos: []string{map[string]string{"h2": "spdy/3", "http/1.1": "h2"}[protocol]}}, false},
			"another name": {&tls.Config{ServerName: "evil.example"}, false},
		} {
			c.cfg.RootCAs = ca.pool()
			if c.cfg.NextProtos == nil {
				c.cfg.NextProtos = []string{protocol}
			}
			conn, err := tls.Dial("tcp", address, c.cfg)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != c.ok {
				t.Errorf("%s of %s: %v", name, protocol, err)
			}
		}
		for name, begin := range map[string][]byte{"nothing": nil, "half a hello": {22, 3, 1, 2, 0, 1, 0, 1}, "plain text": []byte("GET / HTTP/1.1\r\n\r\n"), "a huge record": {22, 3, 1, 255, 255}} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write(begin)
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			silent.Go(func() {
				defer conn.Close()
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s of %s: the connection stays open", name, protocol)
				}
			})
		}
	}
}

// TestCertificateReload serves a new certificate without a restart, and the one before while the new one cannot be read.
func TestCertificateReload(t *testing.T) {
	ca := newAuthority(t, "servers")
	files := tlsFiles(t, ca, nil)
	var cfg server.Config
	s := start(t, func(c *server.Config) {
		c.TLS, c.GRPC = files, "127.0.0.1:0"
		cfg = *c
	})
	reload := func() error {
		return s.Reload(t.Context(), func() (server.Config, error) { return cfg, nil })
	}
	served := func(address, proto string) string {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: ca.pool(), NextProtos: []string{proto}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	both := func(want string) bool {
		return served(strings.TrimPrefix(s.URL(), "https://"), "http/1.1") == want && served(s.GRPCAddress(), "h2") == want
	}
	if !both("first") {
		t.Fatal("not the first certificate")
	}
	if err := os.WriteFile(files.Key, []byte("half a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.MaxRows = 1
	if err := reload(); err == nil || !both("first") {
		t.Errorf("a key that cannot be read replaced one that can: %v", err)
	}
	if s.MaxRows(s.Models().Default.Serving) == 1 {
		t.Error("of settings with an error one is in force")
	}
	writePair(t, ca.issue(t, "second", x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour)), files.Cert, files.Key)
	if err := reload(); err != nil || !both("second") || s.MaxRows(s.Models().Default.Serving) != 1 {
		t.Errorf("the new certificate is not served after it was asked for: %v", err)
	}
	writePair(t, ca.issue(t, "a third", x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour)), files.Cert, files.Key)
	eventually(t, "the new certificate is found by itself", func() bool { return both("a third") })
}

// TestHSTS tells browsers to stay with TLS, but not on localhost, where other servers have the same name.
func TestHSTS(t *testing.T) {
	ca := newAuthority(t, "servers")
	s := start(t, func(c *server.Config) { c.TLS, c.AllowAnonymous, c.HTTP = tlsFiles(t, ca, nil), true, "0.0.0.0:0" })
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: "api.example"}}
	defer tr.CloseIdleConnections()
	for host, want := range map[string]bool{"api.example": true, "localhost": false, "127.0.0.1:443": false} {
		for _, path := range []string{"/healthz", "/nothing"} {
			req, _ := http.NewRequest("GET", s.URL()+path, nil)
			req.Host = host
			resp, err := (&http.Client{Transport: tr}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Strict-Transport-Security") != ""; got != want {
				t.Errorf("%s%s: %v", host, path, resp.Header)
			}
		}
	}
	if code, _, h := call(t, "GET", start(t, nil).URL()+"/healthz", ""); code != 200 || h.Get("Strict-Transport-Security") != "" {
		t.Errorf("over plain HTTP: %v", h)
	}
}
