package server

import (
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
)

// TestHeldUntil: after a batch, fewer rows than it had are held back for a share of a run; after the delay for batches
// nothing is.
func TestHeldUntil(t *testing.T) {
	const ms = moment(time.Millisecond)
	for _, tc := range []struct {
		name    string
		rows    int
		runTime time.Duration
		delay   time.Duration
		now     moment
		want    moment
	}{
		{"fewer than were answered", 2, 8 * time.Millisecond, 0, 100 * ms, 101 * ms},
		{"no longer than that", 2, 8 * time.Millisecond, 0, 101 * ms, 0},
		{"as many", 3, 8 * time.Millisecond, 0, 100 * ms, 0},
		{"long runs", 2, time.Second, 0, 100 * ms, 102 * ms},
		{"delay", 3, 8 * time.Millisecond, 50 * time.Millisecond, 100 * ms, 140 * ms},
		{"delay over", 3, 8 * time.Millisecond, 50 * time.Millisecond, 140 * ms, 0},
		{"delay, enough for the largest batch", 32, 8 * time.Millisecond, 50 * time.Millisecond, 100 * ms, 0},
	} {
		e := &Engine{Signature: &graph.Signature{RowIndependent: true}}
		q := (&scheduler{}).newQueue(e, Scheduling{BatchMax: 32, BatchDelay: tc.delay})
		q.rows, q.answered, q.answeredAt = tc.rows, 3, 100*ms
		q.runTime.Store(int64(tc.runTime))
		q.lists[normalUrgency].first = &Call{queued: 90 * ms}
		if got := q.heldUntil(tc.now); got != tc.want {
			t.Errorf("%s: held until %v, want %v", tc.name, time.Duration(got), time.Duration(tc.want))
		}
	}
}

// TestObserveForgets follows a change within some runs, and one odd run hardly moves it.
func TestObserveForgets(t *testing.T) {
	q := (&scheduler{}).newQueue(&Engine{Signature: &graph.Signature{}}, Scheduling{})
	for range 10 {
		q.remember(10*time.Microsecond, 1)
	}
	if q.remember(time.Second, 1); time.Duration(q.runTime.Load()) > 12*time.Microsecond {
		t.Errorf("one run of a second: %v", time.Duration(q.runTime.Load()))
	}
	for range 60 {
		q.remember(time.Millisecond, 4)
	}
	if run, call := time.Duration(q.runTime.Load()), time.Duration(q.perCall.Load()); run < 900*time.Microsecond || call < 200*time.Microsecond || call > run/3 {
		t.Errorf("60 runs of a millisecond: %v, %v per call", run, call)
	}
}

// TestRetryAfter is a second or more, has chance in it, and only what may pass has one.
func TestRetryAfter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		d, ok := RetryAfter(FailFor(ErrBusy, 10*time.Second, "busy"))
		if !ok || d < 10*time.Second || d > 16*time.Second {
			t.Fatalf("%v %v", d, ok)
		}
		seen[d] = true
	}
	if len(seen) < 2 {
		t.Error("no chance in it")
	}
	if d, ok := RetryAfter(Fail(ErrUnavailable, "draining")); !ok || d < time.Second {
		t.Errorf("%v %v", d, ok)
	}
	if _, ok := RetryAfter(Fail(ErrNotFound, "no")); ok {
		t.Error("not found, try again")
	}
}
