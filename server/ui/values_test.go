package ui_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// TestValuesAreThoseOfAVersion asks for the serving version, a loaded one, one that is broken and one that is not there.
func TestValuesAreThoseOfAVersion(t *testing.T) {
	s := startPage(t)
	for query, want := range map[string]int{"": 200, "?version=1": 200, "?version=2": 404, "?version=9": 404, "?version=x": 404} {
		answer, err := http.Get(s.URL() + "/ui/inputs/digits" + query)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != want {
			t.Errorf("%q: %d %v, expected %d", query, answer.StatusCode, err, want)
			continue
		}
		var got struct {
			Version int64
			Inputs  []struct{ Name string }
			Outputs []struct{ Name string }
		}
		if want == 200 && (json.Unmarshal(text, &got) != nil || got.Version != 1 || len(got.Inputs) != 64 || len(got.Outputs) != 2) {
			t.Errorf("%q: %s", query, text)
		}
	}
}
