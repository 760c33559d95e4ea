//go:build !race

package testkit

// Race says that the race detector is on. It drops pooled objects at random, so allocations cannot be counted under it.
const Race = false
