package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKeyLimits are kept as they were given, and what makes no sense is refused.
func TestKeyLimits(t *testing.T) {
	store := t.TempDir()
	var k struct {
		Key        string
		ID         string
		Rate       float64
		Burst      int
		Concurrent int
		Quota      int64
		Priority   int
	}
	text := must(t, "keys", "create", "--store", store, "--rate", "6000/m", "--burst", "200", "--concurrent", "8", "--quota", "1000000/day",
		"--priority", "1", "--json")
	if err := json.Unmarshal([]byte(text), &k); err != nil || k.Rate != 100 || k.Burst != 200 || k.Concurrent != 8 || k.Quota != 1000000 || k.Priority != 1 {
		t.Errorf("%+v %v", k, err)
	}
	if list := must(t, "keys", "list", "--store", store); !strings.Contains(list, "100/s, burst 200, 8 at once, 1000000/day, priority 1") {
		t.Errorf("%q", list)
	}
	for _, bad := range [][]string{{"--rate", "0"}, {"--rate", "10/week"}, {"--rate", "NaN"}, {"--burst", "5"}, {"--rate", "1", "--burst", "-1"},
		{"--quota", "5/h"}, {"--quota", "-1"}, {"--concurrent", "-2"}, {"--priority", "8"}} {
		if code, out, _ := hotpath(append([]string{"keys", "create", "--store", store}, bad...)...); code == 0 || strings.Contains(out, "hp_") {
			t.Errorf("%v: exit %d, %q", bad, code, out)
		}
	}
}
