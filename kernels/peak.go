package kernels

import (
	"runtime"

	"github.com/hotpath/hotpath/internal/cpu"
)

// PeakF32 runs n ≥ 1 rounds of the tier's register loop of independent f32 multiply-adds and returns the number of floating
// point operations, two per multiply-add. Timed, it gives the peak that kernels are measured against.
func PeakF32(n int) (flops float64) {
	peak_f32(n)
	return float64(n) * 12 * 2 * float64(lanes())
}

// PeakU8S8 is PeakF32 for the exact u8·s8 step of the tier: TDPBUSD, VPDPBUSD, or VPMADDWD and VPADDD. It returns two operations per
// multiply-add.
func PeakU8S8(n int) (ops float64) {
	peak_u8s8(n)
	return float64(n) * opsU8S8(2*lanes())
}

// PeakPaired is PeakU8S8 for weights whose pairs cannot saturate a word (see PackS8): VPMADDUBSW, VPMADDWD and VPADDD on AVX2.
func PeakPaired(n int) (ops float64) {
	peak_u8s8_paired(n)
	return float64(n) * opsU8S8(32)
}

// opsU8S8 is the operations of one turn of a peak loop; products is what an instruction without VNNI multiplies.
func opsU8S8(products int) float64 {
	switch {
	case tier >= cpu.AMX:
		return 6 * 2 * 16 * 16 * 64
	case tier >= cpu.VNNI:
		return 12 * 2 * 64
	case tier >= cpu.AVX2:
		return float64(12 * 2 * products)
	}
	return 12 * 2
}

// lanes returns the f32 elements of the tier's vectors, 1 for the reference.
func lanes() int {
	switch {
	case tier >= cpu.AVX512:
		return 16
	case tier >= cpu.AVX2:
		return 8
	}
	return 1
}

func peak_f32_ref(n int) {
	var acc [12]float32
	for range n {
		for i := range acc {
			acc[i] = FMAF32(1, 1, acc[i])
		}
	}
	runtime.KeepAlive(&acc)
}

func peak_u8s8_paired_ref(n int) { peak_u8s8_ref(n) }

func peak_u8s8_ref(n int) {
	var acc [12]int32
	for range n {
		for i := range acc {
			acc[i] += int32(n) * int32(i)
		}
	}
	runtime.KeepAlive(&acc)
}

// PeakBF16 is PeakF32 for products of bf16: TDPBF16PS or VDPBF16PS where there is one.
func PeakBF16(n int) (flops float64) {
	switch {
	case max(tier, emulated) >= cpu.AMX:
		peak_tile_bf16(n)
		return float64(n) * 6 * 2 * 16 * 16 * 32
	case hasBF16():
		peak_bf16dp(n)
		return float64(n) * 12 * 2 * 32
	}
	return PeakF32(n)
}

func peak_bf16dp_ref(n int) { peak_f32_ref(n) }

func peak_tile_bf16_ref(n int) { peak_f32_ref(n) }
