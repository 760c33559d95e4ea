//go:build unix

package kernels_test

import (
	"os"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/kernels/contract"
)

// TestContract runs the contract on every tier that has kernels and that this CPU has.
func TestContract(t *testing.T) {
	// Package cpu read it before the test began, where go test's cache does not see it.
	t.Logf("HOTPATH_ISA=%q", os.Getenv("HOTPATH_ISA"))
	tiers := []cpu.Tier{cpu.Ref}
	for _, tier := range cpu.Tiers() {
		for _, v := range kernels.Variants() {
			if v.Tier == tier {
				tiers = append(tiers, tier)
				break
			}
		}
	}
	for _, tier := range tiers {
		t.Run(tier.String(), func(t *testing.T) {
			if tier > kernels.Tier() {
				if cpu.Required() {
					t.Fatalf("this run has %v only and HOTPATH_REQUIRE=1", kernels.Tier())
				}
				t.Skipf("this run has %v only; asm/interp runs it on the interpreter", kernels.Tier())
			}
			if testkit.Race && tier < kernels.Tier() {
				t.Skip("goroutines do the same on every tier")
			}
			defer kernels.SetTier(kernels.SetTier(cpu.Ref))
			contract.Run(t, func(run func()) {
				defer kernels.SetTier(kernels.SetTier(tier))
				run()
			})
		})
	}
}
