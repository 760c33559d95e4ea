package testkit

import (
	"runtime"
	"testing"
)

// TestCheckMode: flushing subnormals, another rounding and an unmasked exception are noticed; exceptions that happened are not.
func TestCheckMode(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := CheckMode(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []uint32{defaultMXCSR | 1<<15, defaultMXCSR | 1<<6, defaultMXCSR | 1<<13} {
		setMXCSR(m)
		err := CheckMode()
		setMXCSR(defaultMXCSR)
		if err == nil {
			t.Errorf("MXCSR %#x passes", m)
		}
	}
	setMXCSR(defaultMXCSR | 0x3f)
	err := CheckMode()
	setMXCSR(defaultMXCSR)
	if err != nil {
		t.Error(err)
	}
	if checkMode(defaultMXCSR, flagDF) == nil {
		t.Error("a set direction flag passes")
	}
}
