//go:build unix

// Package contract is the list of cases that every kernel must pass, bit for bit, on every tier. The tests of package kernels
// run it on the CPU, those of asm/interp through the interpreter.
package contract

import (
	"math/rand/v2"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// Run checks all kernels. under calls its argument with the tier that is tested in use; outside of it the reference runs.
func Run(t *testing.T, under func(run func())) {
	for _, c := range []struct {
		name  string
		check func(*checker)
	}{
		{"gemm_f32", checkGemmF32},
		{"gemm_f32_halfway", checkHalfway},
		{"gemm_f32_epilogue", checkEpilogue},
		{"matmul_f32", checkMatMul},
		{"gemm_u8s8s32", checkGemmU8S8S32},
		{"gemm_u8s8s32_deepest", checkDeepest},
		{"gemm_u8s8u8", checkGemmU8S8U8},
		{"gemm_u8s8f32", checkGemmU8S8F32},
		{"gemm_integer", checkGemmInteger},
		{"gemm_s8s8", checkGemmS8S8},
		{"gemm_bf16", checkGemmBF16},
		{"round_bf16", checkRoundBF16},
		{"xor_u8", checkXorU8},
		{"unary", checkUnary},
		{"binary", checkBinary},
		{"alias", checkAlias},
		{"softmax_f32", checkSoftmax},
		{"attention_f32", checkAttention},
		{"rotary_f32", checkRotary},
		{"blend_f32", checkBlend},
		{"recurrent_f32", checkRecurrent},
		{"norm", checkNorm},
		{"transpose_f32", checkTranspose},
		{"conv_f32", checkConv},
		{"conv_packed", checkConvPacked},
		{"conv_pair", checkConvPair},
		{"pool_packed", checkPoolPacked},
		{"winograd", checkWinograd},
		{"conv_transpose", checkConvTranspose},
		{"conv_transpose_packed", checkConvTransposePacked},
		{"qadd_u8", checkQAdd},
		{"qmul_u8", checkQMul},
		{"lookup_u8", checkLookup},
		{"qpool_u8", checkQPool},
		{"conv_u8s8u8", checkQConvU8},
		{"conv_u8s8s32", checkQConvS32},
		{"conv_u8s8f32", checkQConvF32},
		{"reduce_rows", checkReduceRows},
		{"reduce_axis", checkReduceAxis},
		{"weighted", checkWeighted},
		{"quantize_f32u8", checkQuantize},
		{"dequantize_u8f32", checkDequantize},
		{"gemm_f32nbits", checkGemmNBits},
		{"gemm_f32half", checkGemmHalf},
		{"quantize_blocks_f32s8", checkQuantizeBlocks},
		{"convert", checkConvert},
		{"peak", checkPeak},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check(&checker{t: t, under: under, r: rand.New(rand.NewPCG(7, 11)), guards: map[string]*testkit.Guard{}})
			checkFloatingPointMode(t)
		})
	}
}

// checker holds what a family's cases share: one guarded area per operand and the random source.
type checker struct {
	t      *testing.T
	under  func(func())
	r      *rand.Rand
	guards map[string]*testkit.Guard
	name   string // of the case
}

// run runs f on the tested tier. A fault or a panic of the interpreter fails the case, and so does a kernel that leaves the CPU in another
// mode than Go code runs in.
func (c *checker) run(f func()) {
	c.t.Helper()
	if !testkit.NoFault(c.t, func() { c.under(f) }) {
		c.t.Fatal(c.name)
	}
	if err := testkit.CheckMode(); err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
}

const guardBytes = 1 << 20

// buffer returns n elements of the operand's guarded area, flush with the guard page at its end or start.
func buffer[T testkit.Number](c *checker, operand string, n int, atStart bool) []T {
	g := c.guards[operand]
	if g == nil {
		g = testkit.NewGuard(c.t, guardBytes)
		c.guards[operand] = g
	}
	if atStart {
		return testkit.Start[T](g, n)
	}
	return testkit.End[T](g, n)
}

// fillF32 fills x with normal values of this scale; special mixes in the values that kernels may stumble over.
func (c *checker) fillF32(x []float32, scale float64, special bool) {
	values := testkit.SpecialF32()
	for i := range x {
		x[i] = float32(c.r.NormFloat64() * scale)
		if special && c.r.IntN(4) == 0 {
			x[i] = values[c.r.IntN(len(values))]
		}
	}
}

func (c *checker) fillBytes(x []uint8) {
	for i := range x {
		x[i] = uint8(c.r.Uint32())
	}
}

// checkFloatingPointMode fails when a kernel left the CPU with another rounding mode or with subnormals flushed to zero, on any architecture.
func checkFloatingPointMode(t *testing.T) {
	tiny, one, half := float32(1e-40), float32(1), float32(0x1p-24)
	if kernels.FMAF32(tiny, 1, 0) != tiny || tiny*one == 0 || one+half != one || (one+0x1p-23)+half != one+0x1p-22 {
		t.Error("the floating-point control register was changed")
	}
}

// shortLengths is lengths for functions of single elements: of the long ones, one below and one above elementwiseBlock.
func shortLengths() []int {
	ns := lengths()
	return append(ns[:2*64+4], 1009, 16<<10+5)
}

// lengths returns every n to two blocks of the widest kernel and 3, then a few long ones.
func lengths() []int {
	var ns []int
	for n := range 2*64 + 4 {
		ns = append(ns, n)
	}
	return append(ns, 1009, 4095, 4096, 4097, 8200, 16<<10+5)
}
