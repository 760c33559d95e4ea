package kernels

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// TestHugePagesEnd: memory is advised for huge pages as long as it is in use, and no longer.
func TestHugePagesEnd(t *testing.T) {
	b := HugeBytes(4 * hugePage)
	middle := uintptr(unsafe.Pointer(&b[2*hugePage]))
	if !advised(t, middle) {
		t.Skip("no transparent huge pages here")
	}
	runtime.KeepAlive(b)
	for end := time.Now().Add(30 * time.Second); advised(t, middle); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still advised after the memory was garbage")
		}
		runtime.GC()
	}
}

// advised reports whether the kernel was asked for huge pages at an address.
func advised(t *testing.T, address uintptr) bool {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Contains(flags+" ", " hg ")
		}
	}
	return false
}
