package kserve_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestRepositoryLoadUnload takes a model out of memory and back, on the admin listener, and loads one at its first
// request where models are lazy.
func TestRepositoryLoadUnload(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: []server.API{kserve.API{}}, Sources: []server.Source{source{}}, Load: load, Lazy: true})
	post := func(path, body string) (int, string) {
		t.Helper()
		resp, err := http.Post(s.URL()+path, "application/json", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	state := func(model string) string {
		t.Helper()
		var index []struct{ Name, State, Reason string }
		if _, text := post("/v2/repository/index", ""); json.Unmarshal([]byte(text), &index) != nil {
			t.Fatal(text)
		}
		for _, e := range index {
			if e.Name == model {
				return e.State
			}
		}
		return ""
	}
	const ask = `{"inputs": [{"name": "words", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}`
	if got := state("text"); got != "UNAVAILABLE" {
		t.Errorf("before the first request: %s", got)
	}
	if code, text := post("/v2/models/text/infer", ask); code != 200 || state("text") != "READY" {
		t.Errorf("%d %s %s", code, text, state("text"))
	}
	if code, _ := post("/v2/repository/models/text/unload", ""); code != 403 {
		t.Errorf("without the right: %d", code)
	}
}

// TestRepositoryOrders gives the orders on the admin listener.
func TestRepositoryOrders(t *testing.T) {
	s := servertest.Start(t, server.Config{Admin: "127.0.0.1:0", APIs: []server.API{kserve.API{}}, Sources: []server.Source{source{}}, Load: load})
	post := func(path string) int {
		t.Helper()
		resp, err := http.Post(s.AdminURL()+path, "application/json", bytes.NewBufferString(`{"parameters": {"unload_dependents": false}}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	loaded := func() bool {
		m, err := s.Models().Lookup([]byte("text"))
		return err == nil && m.Serving != nil
	}
	for range 2 {
		if code := post("/v2/repository/models/text/unload"); code != 200 || loaded() {
			t.Errorf("unload: %d, loaded %v", code, loaded())
		}
		if code := post("/v2/repository/models/text/load"); code != 200 || !loaded() {
			t.Errorf("load: %d, loaded %v", code, loaded())
		}
	}
	if code := post("/v2/repository/models/none/load"); code != 404 {
		t.Errorf("a model that is not there: %d", code)
	}
}
