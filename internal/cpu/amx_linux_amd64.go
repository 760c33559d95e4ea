//go:build !noasm

package cpu

import "syscall"

// permitTiles asks the kernel for the use of AMX tile registers, which it denies until asked, and reports whether they may be used. The
// permission holds for all threads of the process, those that already run included. It is refused on kernels before 5.16 and
// where a thread's signal stack could not hold the tiles; Go's can.
func permitTiles() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
