package server

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// ErrExposed is a refusal to listen where others can connect without the protection that needs.
var ErrExposed = errors.New("refusing to listen")

// onLoopback reports whether an address can only be reached from this machine.
func onLoopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("listen address %q: expected HOST:PORT: %w", address, err)
	}
	if host == "" {
		return false, nil
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback(), nil
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return false, fmt.Errorf("listen address %q: %w", address, err)
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return false, nil
		}
	}
	return len(ips) > 0, nil
}

// checkExposure refuses an address off loopback without TLS or keys, unless each was waived by name.
func (s *Server) checkExposure(cfg *Config, address string, loopback bool) error {
	switch {
	case loopback:
		return nil
	case !s.keys.demanded.Load() && !cfg.AllowAnonymous && !(cfg.TLS.enabled() && cfg.TLS.ClientCA != ""):
		return fmt.Errorf("%s is reachable from other machines and there are no API keys: make one with "+
			"`hotpath keys create`, demand certificates of clients with --client-ca, or allow everyone with --allow-anonymous: %w", address, ErrExposed)
	case !cfg.TLS.enabled() && !cfg.AllowPlaintext:
		return fmt.Errorf("%s is reachable from other machines and would be plain HTTP: give --tls-cert and --tls-key, "+
			"or --tls-self-signed, or allow it with --insecure-no-tls: %w", address, ErrExposed)
	}
	return nil
}

// certHosts is the names a self-signed certificate holds for: loopback, this machine, and the address we listen at.
func certHosts(address string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" && name != "localhost" {
		hosts = append(hosts, name)
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && !ip.IsLoopback() && !ip.IsUnspecified() {
		hosts = append(hosts, host)
	}
	return hosts
}
