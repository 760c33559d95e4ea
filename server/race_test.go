//go:build race

package server_test

// raceDetector drops pooled objects at random, so allocations cannot be counted under it.
const raceDetector = true
