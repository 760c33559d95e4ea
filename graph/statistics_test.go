package graph

import (
	"errors"
	"testing"
)

// TestForgedStatisticsAreRefused has metadata whose parts do not fit each other.
func TestForgedStatisticsAreRefused(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"rows":1,"edges":[1,2],"shares":[0,1,0]}`: true,
		`{"rows":1}`:                                     true,
		`{"rows":1,"edges":[1,2],"shares":[1]}`:          false,
		`{"rows":1,"edges":[2,1],"shares":[0,1,0]}`:      false,
		`{"rows":1,"edges":[1,2],"shares":[0,1e30,0]}`:   false,
		`{"rows":1,"categories":["a"],"shares":[0,-1]}`:  false,
		`{"rows":1,"categories":["a"],"shares":[0,1,0]}`: false,
	} {
		m := &Model{Graph: Graph{Inputs: []Value{{Name: "x"}}}, Metadata: map[string]string{
			SignatureKey: `{"inputs":[{"name":"x","stats":[` + text + `]}],"outputs":[]}`}}
		if _, err := m.Signature(); (err == nil) != ok || err != nil && !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
