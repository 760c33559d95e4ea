//go:build !linux && !noasm

package cpu

// permitTiles reports false: only Linux is known to save AMX tiles for a process that asks.
func permitTiles() bool { return false }
