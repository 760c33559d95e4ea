package servertest

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers into testdata/*.http")

// Transcripts replays the requests in testdata/*.http and compares status and body byte for byte. A file is exchanges
// of the form ">>> METHOD PATH", the request body, "<<< STATUS", the answer.
func Transcripts(t *testing.T, url string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, exchange := range strings.Split(string(want), ">>> ")[1:] {
				request, _, _ := strings.Cut(exchange, "<<< ")
				line, body, _ := strings.Cut(request, "\n")
				method, path, _ := strings.Cut(line, " ")
				status, answer, _ := Send(t, method, url+path, strings.TrimSuffix(body, "\n"))
				fmt.Fprintf(&got, ">>> %s<<< %d\n%s\n\n", request, status, strings.TrimSuffix(answer, "\n"))
			}
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.String() != string(want) {
				t.Errorf("differs; go test -update shows how:\n%s", got.String())
			}
		})
	}
}

// Send sends a request; headers are names and values in turn.
func Send(t testing.TB, method, url, body string, headers ...string) (status int, answer string, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
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
