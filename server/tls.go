package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLS says where the certificate comes from. The zero value is plain HTTP.
type TLS struct {
	Cert, Key string // PEM files
	// SelfSignedDir makes a certificate of our own, kept in this directory so that clients can pin it.
	SelfSignedDir string
}

func (t TLS) enabled() bool { return t.Cert != "" || t.SelfSignedDir != "" }

// load returns the configuration and the SHA-256 fingerprint of the certificate. TLS 1.2 with authenticated
// encryption, or 1.3. fasthttp has no HTTP/2, so only HTTP/1.1 is offered.
func (t TLS) load(hosts []string) (*tls.Config, string, error) {
	if t.SelfSignedDir != "" {
		t.Cert, t.Key = filepath.Join(t.SelfSignedDir, "self-signed.crt"), filepath.Join(t.SelfSignedDir, "self-signed.key")
		if err := ensureSelfSigned(t.Cert, t.Key, hosts); err != nil {
			return nil, "", fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, "", fmt.Errorf("TLS certificate %s: %w", t.Cert, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}, fmt.Sprintf("%X", sha256.Sum256(pair.Certificate[0])), nil
}

// Lifetime of a self-signed certificate: the longest that browsers accept, renewed a month before.
const (
	selfSignedFor   = 397 * 24 * time.Hour
	selfSignedRenew = 30 * 24 * time.Hour
)

// ensureSelfSigned makes a key and certificate unless there are some that hold for the hosts for another month.
func ensureSelfSigned(certFile, keyFile string, hosts []string) error {
	if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
		if c := pair.Leaf; c != nil && time.Until(c.NotAfter) > selfSignedRenew && covers(c, hosts) {
			return nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	cert := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "hotpath self-signed"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(selfSignedFor),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// It is its own issuer, so that a client can trust this file alone.
		BasicConstraintsValid: true, IsCA: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(keyFile), 0o700); err != nil {
		return err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	return writePEM(certFile, "CERTIFICATE", der, 0o644)
}

func covers(c *x509.Certificate, hosts []string) bool {
	for _, h := range hosts {
		if c.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// writePEM replaces a file as a whole, so that a crash leaves the old one or the new one.
func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
