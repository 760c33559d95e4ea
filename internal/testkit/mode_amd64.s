#include "textflag.h"

// func mode() (mxcsr uint32, flags uint64)
TEXT ·mode(SB), NOSPLIT, $0-16
	STMXCSR mxcsr+0(FP)
	PUSHFQ
	POPQ AX
	MOVQ AX, flags+8(FP)
	RET

// func setMXCSR(mxcsr uint32)
TEXT ·setMXCSR(SB), NOSPLIT, $0-4
	LDMXCSR mxcsr+0(FP)
	RET
