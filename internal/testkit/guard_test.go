//go:build unix

package testkit

import (
	"fmt"
	"testing"
	"unsafe"
)

// recorder collects failures instead of reporting them.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(f string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(f, args...))
}

func TestGuardFaults(t *testing.T) {
	g := NewGuard(t, 100)
	x := End[float32](g, 5)
	for i := range x {
		x[i] = float32(i)
	}
	r := &recorder{TB: t}
	if NoFault(r, func() { *(*float32)(unsafe.Add(unsafe.Pointer(&x[4]), 4)) = 1 }) || len(r.failures) != 1 {
		t.Errorf("a write past the end was not noticed: %v", r.failures)
	}
	y := Start[uint8](g, 3)
	if NoFault(r, func() { *(*uint8)(unsafe.Add(unsafe.Pointer(&y[0]), -1)) = 1 }) {
		t.Error("a write before the start was not noticed")
	}
}
