package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestKeyLife makes a key for two models that ends, gives it a new secret, and refuses what makes no sense.
func TestKeyLife(t *testing.T) {
	store := t.TempDir()
	var k, again struct {
		Key, ID  string
		Models   []string
		Expires  time.Time
		OldUntil time.Time `json:"old_until"`
	}
	if err := json.Unmarshal([]byte(must(t, "keys", "create", "--store", store, "--model", "a", "--model", "b", "--expires", "90d", "--json")), &k); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(k.Expires).Hours() / 24; len(k.Models) != 2 || left < 89.9 || left > 90 {
		t.Errorf("%+v", k)
	}
	if list := must(t, "keys", "list", "--store", store); !strings.Contains(list, "for a b, until 20") {
		t.Errorf("%q", list)
	}
	if err := json.Unmarshal([]byte(must(t, "keys", "rotate", k.ID, "--store", store, "--grace", "7d", "--json")), &again); err != nil {
		t.Fatal(err)
	}
	if again.ID != k.ID || again.Key == k.Key || !strings.HasPrefix(again.Key, "hp_") || time.Until(again.OldUntil) < 167*time.Hour {
		t.Errorf("%+v", again)
	}
	for _, bad := range [][]string{{"create", "--expires", "0d"}, {"create", "--expires", "-1h"}, {"create", "--expires", "soon"}, {"create", "--expires", "99999999d"},
		{"create", "--model", "../x"}, {"rotate", "nothere"}, {"rotate", k.ID, "--grace", "-1h"}} {
		if code, out, _ := hotpath(append(append([]string{"keys"}, bad...), "--store", store)...); code == 0 || strings.Contains(out, "hp_") {
			t.Errorf("%v: exit %d, %q", bad, code, out)
		}
	}
}

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
