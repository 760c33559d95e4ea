package server

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

// TestRateIsExact offers requests at ten times the rate: as many pass as rate and burst allow, to one.
func TestRateIsExact(t *testing.T) {
	i := &Identity{used: &allowance{}}
	i.setLimits(registry.Limits{Rate: 100, Burst: 20})
	passed := 0
	for ms := range 10_000 {
		err := i.onTime(moment(time.Duration(ms) * time.Millisecond))
		if err == nil {
			passed++
			continue
		}
		if after := err.(*failure).retry; after <= 0 || after > 10*time.Millisecond {
			t.Fatalf("at %d ms: try again after %v", ms, after)
		}
	}
	if passed < 1019 || passed > 1020 {
		t.Errorf("%d requests passed in 10 s, want 20 and 100 per second", passed)
	}
}

// TestQuotaOfADay ends at midnight UTC, and the answer says when that is.
func TestQuotaOfADay(t *testing.T) {
	i := &Identity{used: &allowance{}}
	i.setLimits(registry.Limits{Quota: 2})
	evening := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	for n, want := range []bool{true, true, false, false} {
		err := i.withinQuota(evening)
		if (err == nil) != want {
			t.Errorf("request %d: %v", n, err)
		}
		if err != nil && (!errors.Is(err, ErrQuota) || err.(*failure).retry != time.Minute) {
			t.Errorf("%v", err)
		}
	}
	if err := i.withinQuota(evening.Add(time.Minute)); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// TestQuotaIsShared by the servers of one store, each of which learns what the others answered when it saves.
func TestQuotaIsShared(t *testing.T) {
	store := registry.New(t.TempDir())
	_, k, err := store.AddKey(registry.Key{Scope: registry.Predict, Limits: registry.Limits{Quota: 10}})
	if err != nil {
		t.Fatal(err)
	}
	var a, b keyring
	answered := 0
	for range 4 {
		for _, ring := range []*keyring{&a, &b} {
			ring.set([]registry.Key{k})
			for range 2 {
				if (*ring.keys.Load())[0].withinQuota(time.Now()) == nil {
					answered++
				}
			}
			if err := saveUsage(store, ring.counted()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if answered < 10 || answered > 12 { // the last save of each may be two requests old
		t.Errorf("%d answered, want 10 to 12", answered)
	}
}

// TestSubjectsAreBounded forgets the callers that were proven longest ago, and no one else.
func TestSubjectsAreBounded(t *testing.T) {
	s := newSubjects(3)
	a := s.find("a")
	for _, name := range []string{"b", "c", "a", "d"} { // b goes
		s.find(name)
	}
	if s.find("a") != a {
		t.Error("a caller that was proven again was forgotten")
	}
	for i := range 1000 {
		s.find(fmt.Sprint(i))
	}
	if n := len(s.of); n != 3 || s.order.Len() != 3 || len(s.counted()) != 3 {
		t.Errorf("%d callers are remembered", n)
	}
	if s.find("a") == a {
		t.Error("nobody was forgotten")
	}
	if maxSubjects <= maxProven {
		t.Error("a caller whose token is remembered could be forgotten")
	}
}

// TestUsageIsOfOneDay keeps nothing of earlier days in the store, and nothing of callers without requests.
func TestUsageIsOfOneDay(t *testing.T) {
	store := registry.New(t.TempDir())
	for _, c := range []struct {
		day      int64
		requests map[string]int64
		want     map[string]int64
	}{
		{7, map[string]int64{"a": 2, "b": 0}, map[string]int64{"a": 2, "b": 0}},
		{7, map[string]int64{"a": 3, "c": 1}, map[string]int64{"a": 5, "c": 1}},
		{8, map[string]int64{"c": 4}, map[string]int64{"c": 4}},
		{8, map[string]int64{"a": 0, "c": 1}, map[string]int64{"a": 0, "c": 5}},
		{7, map[string]int64{"a": 1, "c": 1}, map[string]int64{"a": 1}}, // a clock that went back
	} {
		if sums, err := store.AddUsage(c.day, c.requests); err != nil || !maps.Equal(sums, c.want) {
			t.Errorf("day %d: %v %v, want %v", c.day, sums, err, c.want)
		}
	}
}
