//go:build unix

package interp

import (
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/kernels/contract"
)

// TestContract runs the contract on the interpreter for every tier with kernels. Where the CPU has the tier too, package kernels
// runs the same cases on it with the same expected bits, which validates the interpreter.
func TestContract(t *testing.T) {
	l, err := Load("../../kernels")
	if err != nil {
		t.Fatal(err)
	}
	defer kernels.SetTier(kernels.SetTier(cpu.Ref))
	for _, tier := range []cpu.Tier{cpu.AVX2, cpu.AVX512, cpu.VNNI, cpu.AMX} {
		t.Run(tier.String(), func(t *testing.T) {
			if len(kernels.Variants()) == 0 {
				t.Skip("built without assembly")
			}
			contract.Run(t, func(run func()) {
				defer kernels.Emulate(tier, l.Emulate)()
				run()
			})
		})
	}
}
