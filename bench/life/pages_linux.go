package main

import "syscall"

// prSetTHPDisable is PR_SET_THP_DISABLE of prctl(2).
const prSetTHPDisable = 41

// smallPages has this process, and the servers it starts, use pages of 4 KiB alone: the kernel joins pages into ones of
// 2 MiB as time goes by, which looks like growth (1,000 cycles: 2.5 % without, 11 % with, the heap in use the same).
func smallPages(on bool) {
	var disable uintptr
	if on {
		disable = 1
	}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, disable, 0, 0, 0, 0)
}
