package server

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificates is the TLS configuration of a listener, read anew when its files have changed. What cannot be read leaves
// the configuration before in force: a half-written key must not end a service.
type certificates struct {
	tls    TLS
	protos []string
	log    *slog.Logger

	current atomic.Pointer[tls.Config]
	next    atomic.Int64 // moment of the next look at the files
	mu      sync.Mutex   // of those below
	stamps  []stamp      // of the files that were tried last
}

// stamp tells one state of a file from another.
type stamp struct {
	changed time.Time
	size    int64
}

// reloadEvery is the time between two looks at the files, as connections come.
const reloadEvery = time.Second

// open reads the certificate for the first time and returns a configuration that follows its files, and the SHA-256 of
// the certificate. TLS 1.2 with authenticated encryption, or 1.3.
func (t TLS) open(hosts, protos []string, log *slog.Logger) (*certificates, string, error) {
	if t.SelfSignedDir != "" {
		t.Cert, t.Key = selfSignedFiles(t.SelfSignedDir)
		if err := ensureSelfSigned(t.Cert, t.Key, hosts); err != nil {
			return nil, "", fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	c := &certificates{tls: t, protos: protos, log: log, stamps: t.stamps()}
	cfg, err := t.config(protos)
	if err != nil {
		return nil, "", err
	}
	c.current.Store(cfg)
	c.next.Store(int64(now().add(reloadEvery)))
	return c, certificateSum(cfg), nil
}

// config is the configuration that a listener has: each connection gets the one in force.
func (c *certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: c.protos, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		t := now()
		if due := c.next.Load(); int64(t) >= due && c.next.CompareAndSwap(due, int64(t.add(reloadEvery))) {
			c.reload()
		}
		return c.current.Load(), nil
	}}
}

// reload reads the files if they have changed.
func (c *certificates) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps := c.tls.stamps()
	same := true
	for i := range stamps {
		same = same && stamps[i] == c.stamps[i]
	}
	if same {
		return
	}
	cfg, err := c.tls.config(c.protos)
	if err != nil {
		c.log.Error("the TLS certificate cannot be read anew, the one before stays", "error", err)
		return // and tried again at the next look: a file may still be in the middle of its change
	}
	c.stamps = stamps
	c.current.Store(cfg)
	c.log.Info("TLS certificate read anew", "sha256", certificateSum(cfg))
}

// replace reads the files that t names and returns what puts them into force. nil is a listener without TLS.
func (c *certificates) replace(t TLS) (commit func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	if t.SelfSignedDir != "" {
		t.Cert, t.Key = selfSignedFiles(t.SelfSignedDir)
	}
	stamps := t.stamps() // before the files are read: what changes then is seen later
	cfg, err := t.config(c.protos)
	if err != nil {
		return nil, err
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tls, c.stamps = t, stamps
		c.current.Store(cfg)
	}, nil
}

func (t TLS) stamps() []stamp {
	list := make([]stamp, 3)
	for i, path := range []string{t.Cert, t.Key, t.ClientCA} {
		if info, err := os.Stat(path); err == nil {
			list[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return list
}

// config reads the files.
func (t TLS) config(protos []string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate %s: %w", t.Cert, err)
	}
	cfg := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   protos,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
	if t.ClientCA != "" {
		text, err := os.ReadFile(t.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("certificates that clients' are signed by: %w", err)
		}
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !cfg.ClientCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("certificates that clients' are signed by: %s has none", t.ClientCA)
		}
	}
	return cfg, nil
}

func certificateSum(cfg *tls.Config) string {
	return fmt.Sprintf("%X", sha256.Sum256(cfg.Certificates[0].Certificate[0]))
}
