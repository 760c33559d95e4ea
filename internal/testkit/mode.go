package testkit

import "fmt"

const (
	// defaultMXCSR is what Go runs with (runtime.asmcgocall and its like never change it): all exceptions masked, rounding to even, subnormals
	// kept. The low six bits report what happened and stick.
	defaultMXCSR = 0x1f80
	mxcsrControl = 0xffc0
	flagDF       = 1 << 10 // string instructions count downwards
)

// CheckMode reports an error when this thread's floating-point control register or direction flag is not as Go code expects it. Only amd64 is
// looked at.
func CheckMode() error { return checkMode(mode()) }

func checkMode(mxcsr uint32, flags uint64) error {
	if mxcsr&mxcsrControl != defaultMXCSR {
		return fmt.Errorf("MXCSR is %#04x, expected %#04x in its control bits", mxcsr, defaultMXCSR)
	}
	if flags&flagDF != 0 {
		return fmt.Errorf("the direction flag is set")
	}
	return nil
}
