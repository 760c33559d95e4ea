package cpu

import (
	"fmt"
	"strings"
)

// brand formats a CPU's identity as one line.
func brand(name string, family, model int) string {
	return fmt.Sprintf("%s (family %d model %d)", name, family, model)
}

// Microarchitecture returns the lower-case name of the kind of machine, such as zen3 or emerald_rapids: measured figures hold for it.
func Microarchitecture() string { return microarchitecture(Name()) }

// models lists the kinds of servers and workstations that kernels meet, by CPUID display family and the models from first to last.
var models = []struct {
	family, first, last int
	name                string
}{
	{23, 0x00, 0x2f, "zen"},
	{23, 0x30, 0xff, "zen2"},
	{25, 0x00, 0x0f, "zen3"},
	{25, 0x10, 0x1f, "zen4"},
	{25, 0x20, 0x5f, "zen3"},
	{25, 0x60, 0xaf, "zen4"},
	{26, 0x00, 0xff, "zen5"},
	{6, 0x3c, 0x3f, "haswell"},
	{6, 0x4f, 0x4f, "broadwell"},
	{6, 0x56, 0x56, "broadwell"},
	{6, 0x55, 0x55, "skylake_sp"},
	{6, 0x5e, 0x5e, "skylake"},
	{6, 0x6a, 0x6c, "ice_lake_sp"},
	{6, 0x8e, 0x8e, "skylake"},
	{6, 0x8f, 0x8f, "sapphire_rapids"},
	{6, 0x97, 0x9a, "alder_lake"},
	{6, 0x9e, 0x9e, "skylake"},
	{6, 0xad, 0xae, "granite_rapids"},
	{6, 0xb7, 0xb7, "raptor_lake"},
	{6, 0xcf, 0xcf, "emerald_rapids"},
}

// microarchitecture reads the line of brand; a model without a row is called by its numbers, and what is no such line by itself.
func microarchitecture(name string) string {
	i := strings.LastIndex(name, " (family ")
	if i < 0 {
		return strings.ToLower(name)
	}
	var family, model int
	if _, err := fmt.Sscanf(name[i:], " (family %d model %d)", &family, &model); err != nil {
		return "unknown"
	}
	for _, m := range models {
		if m.family == family && m.first <= model && model <= m.last {
			return m.name
		}
	}
	return fmt.Sprintf("family%d_model%d", family, model)
}
