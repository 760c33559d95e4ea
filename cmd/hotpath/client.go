package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// transport trusts servers whose certificates the file of --cacert holds or signs, or without one those that the system trusts.
func transport(cacert string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{}
	if cacert == "" {
		return t, nil
	}
	text, err := os.ReadFile(cacert)
	if err != nil {
		return nil, fmt.Errorf("--cacert: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--cacert %s: expected certificates in PEM, found none", cacert)
	}
	return t, nil
}

// serverURL is the URL of a server that a user named; one without a scheme is plain HTTP.
func serverURL(name string) (*url.URL, error) {
	text := name
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q: expected a URL such as http://127.0.0.1:8080: %w", name, errUsage)
	}
	return u, nil
}

// fetch asks a server for something of at most some bytes, with an API key if there is one. It must answer 200.
func fetch(client *http.Client, method, url, key string, most int64) ([]byte, error) {
	q, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		q.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", url, answer.StatusCode, strings.TrimSpace(string(text[:min(len(text), 500)])))
	}
	return text, err
}
