package server

import (
	"runtime"
	"testing"
	"time"
)

// TestBuffersAreCountedUntilTheyAreCollected has two sessions, one of which grows and is let go.
func TestBuffersAreCountedUntilTheyAreCollected(t *testing.T) {
	e := newEngine("m", 1, "", newFixed())
	kept, gone := e.session(), e.session()
	kept.size()
	_, one := e.holds()
	if one <= 0 {
		t.Fatalf("%d bytes of a session", one)
	}
	gone.Inputs[0].Resize(1000, 2)
	gone.size()
	gone.size()
	if _, n := e.holds(); n < one+8000 || n > 3*one+8000 {
		t.Errorf("%d bytes of two sessions, %d of one and 8000 of it", n, one)
	}
	gone = nil
	end := time.Now().Add(30 * time.Second)
	for n := int64(0); n != one; _, n = e.holds() {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are counted, %d are there", n, one)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(kept)
}
