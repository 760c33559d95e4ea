package kernels

import (
	"fmt"
	"unsafe"

	"github.com/hotpath/hotpath/internal/cpu"
)

// tier selects the variants that run. The generated dispatchers read it on each call.
var tier = cpu.Current()

// Tier returns the tier whose kernels run: that of the CPU, capped by HOTPATH_ISA.
func Tier() cpu.Tier { return tier }

// SetTier makes kernels of tier t run and returns the tier used before. It is meant for tests and benchmarks that
// compare tiers in one process; no kernel may be running. It panics when the CPU lacks the tier.
func SetTier(t cpu.Tier) (previous cpu.Tier) {
	if t > cpu.Detected() {
		panic(fmt.Sprintf("kernels: SetTier(%v) on a CPU with %v", t, cpu.Detected()))
	}
	previous, tier = tier, t
	return previous
}

// Variant names one generated kernel.
type Variant struct {
	Name   string // symbol, such as gemm_f32_6x16_avx2
	Family string // reference without _ref, such as gemm_f32
	Tier   cpu.Tier
}

// Dispatcher is a family's function, which runs the variant of the tier in use. Benchmarks call it by its type.
type Dispatcher struct {
	Family string
	Func   any
}

// Chosen returns the variant of family that runs at tier t, or family_ref.
func Chosen(family string, t cpu.Tier) Variant {
	best := Variant{Name: family + "_ref", Family: family, Tier: cpu.Ref}
	for _, v := range Variants() {
		if v.Family == family && v.Tier <= t && v.Tier >= best.Tier {
			best = v
		}
	}
	return best
}

// An Emulator executes the kernel called name. args points to its arguments, laid out as on the stack of an assembly
// function, followed by the space for the result.
type Emulator func(name string, args unsafe.Pointer)

// emulated is the tier whose kernels run on emulator, if there is one. It is only read where the reference would run.
var (
	emulated cpu.Tier
	emulator Emulator
)

// Emulate makes the kernels of tier t run on e instead of the CPU until restore is called. Package asm's tests use it
// for tiers that the CPU lacks. No kernel may be running at either call.
func Emulate(t cpu.Tier, e Emulator) (restore func()) {
	previous := tier
	tier, emulated, emulator = cpu.Ref, t, e
	return func() { tier, emulated, emulator = previous, cpu.Ref, nil }
}

// emulate hands a call to the emulator when the emulated tier has a variant of its own of the family, and reports whether it did. What a
// lower tier shares with it runs under that one.
func emulate(family string, args unsafe.Pointer) bool {
	v := Chosen(family, emulated)
	if v.Tier != emulated {
		return false
	}
	emulator(v.Name, args)
	return true
}

// noescape hides p from escape analysis, so that the emulated path does not force arguments of the real one to the heap.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}
