package testkit

// mode reads MXCSR and RFLAGS.
func mode() (mxcsr uint32, flags uint64)

// setMXCSR is for the test that proves CheckMode sees a change.
func setMXCSR(mxcsr uint32)
