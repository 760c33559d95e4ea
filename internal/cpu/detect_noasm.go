//go:build !amd64 || noasm

package cpu

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"
)

func detect() Tier { return Ref }

// HasBF16 reports false: there is no assembly to use it.
func HasBF16() bool { return false }

// Name returns the brand string with family and model, or the architecture where the CPU does not say.
func Name() string {
	if cpuid.CPU.BrandName == "" {
		return runtime.GOARCH
	}
	return brand(cpuid.CPU.BrandName, cpuid.CPU.Family, cpuid.CPU.Model)
}
