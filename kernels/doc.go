// Package kernels holds the CPU kernels: loops over plain slices, with no knowledge of graphs.
//
// Every kernel is an exported function, a Go reference (name_ref) that is the norm for its bits, and variants generated
// by package asm (name_isa, files z*). The tier in use (see [Tier]) picks the variant; all variants give the same bits,
// NaN payloads aside. Preconditions are checked here, in the exported function, so the assembly has none.
//
// Slices may start at any address. No exported kernel allocates once its first call has returned.
package kernels
