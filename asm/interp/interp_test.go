//go:build unix

package interp

import (
	"flag"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/kernels/contract"
)

// TestContract runs the contract on the interpreter for every tier with kernels, each kernel under its own. Where the CPU has the tier too, package kernels
// runs the same cases on it with the same expected bits, which validates the interpreter.
func TestContract(t *testing.T) {
	l, err := Load("../../kernels")
	if err != nil {
		t.Fatal(err)
	}
	var ran sync.Map // names of kernels; a pool's workers call them too
	emulate := func(name string, args unsafe.Pointer) {
		ran.Store(name, true)
		l.Emulate(name, args)
	}
	defer kernels.SetTier(kernels.SetTier(cpu.Ref))
	if len(kernels.Variants()) == 0 {
		t.Skip("built without assembly")
	}
	for _, tier := range cpu.Tiers() {
		if !slices.ContainsFunc(kernels.Variants(), func(v kernels.Variant) bool { return v.Tier == tier }) {
			continue
		}
		t.Run(tier.String(), func(t *testing.T) {
			contract.Run(t, func(run func()) {
				defer kernels.Emulate(tier, emulate)()
				run()
			})
		})
	}
	if flag.Lookup("test.run").Value.String() != "" {
		return // perhaps of a part only
	}
	for _, v := range kernels.Variants() {
		if _, ok := ran.Load(v.Name); !ok && !t.Failed() {
			t.Errorf("%s: no case of the contract runs it", v.Name)
		}
	}
}
