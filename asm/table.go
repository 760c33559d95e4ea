package asm

import "github.com/hotpath/hotpath/internal/cpu"

// family is what the variants of a kernel share: the signature and, in package kernels, the reference name_ref.
type family struct{ name, signature string }

var families = []family{
	{"relu_f32", "func(dst, x []float32)"},
	{"exp_f32", "func(dst, x []float32, sub float32)"},
	{"sigmoid_f32", "func(dst, x []float32)"},
	{"tanh_f32", "func(dst, x []float32)"},
	{"div_f32", "func(dst, x []float32, by float32)"},
	{"max_f32", "func(x []float32) float32"},
	{"sum_f32", "func(x []float32) float32"},
	{"quantize_f32u8", "func(dst []uint8, x []float32, scale float32, zp int32)"},
	{"dequantize_u8f32", "func(dst []float32, x []uint8, scale float32, zp int32)"},
	{"gemm_f32", "func(a, b, c, bias []float32, lda, ldc, m, n, kc, flags int)"},
	{"gemm_u8s8s32", "func(a []uint8, b []int8, c []int32, lda, ldc, m, n, k int)"},
	{"gemm_u8s8u8", "func(a []uint8, b []int8, c []uint8, bias []int32, mult []float32, lda, ldc, m, n, k int, lo, hi float32, zp int32)"},
	{"gemm_u8s8f32", "func(a []uint8, b []int8, c []float32, bias []int32, scale []float32, lda, ldc, m, n, k, relu int)"},
	{"peak_f32", "func(n int)"},
	{"peak_u8s8", "func(n int)"},
}

// kernel is one generated variant.
type kernel struct {
	family string
	tile   string // rows x columns of the register block, where there is one
	tier   cpu.Tier
	gen    func(*gen)
}

// name is the symbol: family[_tile]_tier.
func (k kernel) name() string {
	if k.tile == "" {
		return k.family + "_" + k.tier.String()
	}
	return k.family + "_" + k.tile + "_" + k.tier.String()
}

var table = []kernel{
	{"relu_f32", "", cpu.AVX2, genRelu},
	{"relu_f32", "", cpu.AVX512, genRelu},
	{"exp_f32", "", cpu.AVX2, genExp},
	{"exp_f32", "", cpu.AVX512, genExp},
	{"sigmoid_f32", "", cpu.AVX2, genSigmoid},
	{"sigmoid_f32", "", cpu.AVX512, genSigmoid},
	{"tanh_f32", "", cpu.AVX2, genTanh},
	{"tanh_f32", "", cpu.AVX512, genTanh},
	{"div_f32", "", cpu.AVX2, genDiv},
	{"div_f32", "", cpu.AVX512, genDiv},
	{"max_f32", "", cpu.AVX2, genMax},
	{"max_f32", "", cpu.AVX512, genMax},
	{"sum_f32", "", cpu.AVX2, genSum},
	{"sum_f32", "", cpu.AVX512, genSum},
	{"quantize_f32u8", "", cpu.AVX2, genQuantize},
	{"quantize_f32u8", "", cpu.AVX512, genQuantize},
	{"dequantize_u8f32", "", cpu.AVX2, genDequantize},
	{"dequantize_u8f32", "", cpu.AVX512, genDequantize},
	{"gemm_f32", "6x16", cpu.AVX2, genGemmF32(shapeF32AVX2)},
	{"gemm_f32", "14x32", cpu.AVX512, genGemmF32(shapeF32AVX512)},
	{"gemm_u8s8s32", "4x16", cpu.AVX2, genGemmU8S8(shapeU8S8AVX2, toS32)},
	{"gemm_u8s8s32", "12x32", cpu.VNNI, genGemmU8S8(shapeU8S8VNNI, toS32)},
	{"gemm_u8s8u8", "4x16", cpu.AVX2, genGemmU8S8(shapeU8S8AVX2, toU8)},
	{"gemm_u8s8u8", "12x32", cpu.VNNI, genGemmU8S8(shapeU8S8VNNI, toU8)},
	{"gemm_u8s8f32", "4x16", cpu.AVX2, genGemmU8S8(shapeU8S8AVX2, toF32)},
	{"gemm_u8s8f32", "12x32", cpu.VNNI, genGemmU8S8(shapeU8S8VNNI, toF32)},
	{"peak_f32", "", cpu.AVX2, genPeakF32},
	{"peak_f32", "", cpu.AVX512, genPeakF32},
	{"peak_u8s8", "", cpu.AVX2, genPeakU8S8},
	{"peak_u8s8", "", cpu.VNNI, genPeakU8S8},
}
