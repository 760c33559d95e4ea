package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// weightProducts are the products with packed weights of one k×n matrix, each as a function of rows.
func weightProducts(k, n int) map[string]func(pool *kernels.Pool, m int, a, c []float32) {
	r := rand.New(rand.NewPCG(1, 2))
	half := make([]uint16, k*n)
	for i := range half {
		half[i] = kernels.F32ToF16(float32(r.NormFloat64()))
	}
	products := map[string]func(pool *kernels.Pool, m int, a, c []float32){}
	for _, brain := range []bool{false, true} {
		packed := kernels.PackHalf(k, n, half, n, 1, brain)
		products[fmt.Sprintf("half brain=%v", brain)] = func(pool *kernels.Pool, m int, a, c []float32) {
			kernels.GemmF32Half(pool, m, a, k, packed, c, n, nil, kernels.ActRelu)
		}
	}
	for _, bits := range []int{4, 8} {
		b := &kernels.NBits{K: k, N: n, Bits: bits, Block: 64}
		b.Q, b.Scale, b.Zero = make([]uint8, n*b.Blocks()*64*bits/8), make([]float32, n*b.Blocks()), make([]uint8, n*((b.Blocks()*bits+7)/8))
		for _, bytes := range [][]uint8{b.Q, b.Zero} {
			for i := range bytes {
				bytes[i] = uint8(r.Uint32())
			}
		}
		for i := range b.Scale {
			b.Scale[i] = r.Float32()
		}
		packed := kernels.PackNBits(b)
		products[fmt.Sprintf("f32 × %d bits", bits)] = func(pool *kernels.Pool, m int, a, c []float32) {
			kernels.GemmF32NBits(pool, m, a, k, packed, c, n, nil, kernels.ActNone)
		}
		products[fmt.Sprintf("s8 × %d bits", bits)] = func(pool *kernels.Pool, m int, a, c []float32) {
			kernels.GemmS8NBits(pool, m, a, k, packed, c, n, nil, kernels.ActNone)
		}
	}
	return products
}

// TestWeightsInvariant: a row has the same bits alone, among others, past the rows that share a reading of the weights, and on any pool.
func TestWeightsInvariant(t *testing.T) {
	const m, n, k = 101, 530, 700
	pool := kernels.NewPool(3)
	defer pool.Close()
	r := rand.New(rand.NewPCG(3, 4))
	a := make([]float32, m*k)
	for i := range a {
		a[i] = float32(r.NormFloat64())
	}
	for name, product := range weightProducts(k, n) {
		all, shared, one := make([]float32, m*n), make([]float32, m*n), make([]float32, n)
		product(nil, m, a, all)
		product(pool, m, a, shared)
		if !slices.EqualFunc(all, shared, sameBits) {
			t.Errorf("%s: three threads give other bits", name)
		}
		for _, i := range []int{0, 5, 11, 12, 60, 95, 96, 100} {
			product(pool, 1, a[i*k:], one)
			if !slices.EqualFunc(all[i*n:(i+1)*n], one, sameBits) {
				t.Errorf("%s: row %d alone has other bits", name, i)
			}
		}
		if allocs := testing.AllocsPerRun(5, func() { product(nil, 13, a, all) }); allocs != 0 && !testkit.Race {
			t.Errorf("%s: %v allocations per run", name, allocs)
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

func TestNBitsCheck(t *testing.T) {
	valid := func() *kernels.NBits {
		return &kernels.NBits{K: 40, N: 3, Bits: 4, Block: 16, Q: make([]uint8, 3*3*8), Scale: make([]float32, 9), Zero: make([]uint8, 6)}
	}
	if err := valid().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(b *kernels.NBits){
		"bits":        func(b *kernels.NBits) { b.Bits = 5 },
		"block":       func(b *kernels.NBits) { b.Block = 24 },
		"K":           func(b *kernels.NBits) { b.K = 0 },
		"N":           func(b *kernels.NBits) { b.N = -3 },
		"huge":        func(b *kernels.NBits) { b.N = 1 << 60 },
		"weights":     func(b *kernels.NBits) { b.Q = b.Q[1:] },
		"scales":      func(b *kernels.NBits) { b.Scale = append(b.Scale, 1, 1, 1) },
		"zero points": func(b *kernels.NBits) { b.Zero = b.Zero[:0] },
	} {
		b := valid()
		if spoil(b); b.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
