package main

import "testing"

// TestServerURL takes an address for the URL that it means.
func TestServerURL(t *testing.T) {
	for text, want := range map[string]string{"localhost:8080": "http://localhost:8080", "10.0.0.1:80/predict?model=m": "http://10.0.0.1:80/predict?model=m",
		"[::1]:8080": "http://[::1]:8080", "https://host/": "https://host/", "": "", "ftp://x": "", "http://": "", "localhost:8080x": "", "/predict": ""} {
		u, err := serverURL(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: %v, want an error", text, u)
		case want != "" && (err != nil || u.String() != want):
			t.Errorf("%q: %v, %v, want %s", text, u, err, want)
		}
	}
}
