package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Inputs of MatMulNBits.
const (
	nbitsWeights = iota + 1
	nbitsScales
	nbitsZeros
	nbitsGroups
	nbitsBias
)

// nbitsInt8 is the accuracy_level that allows activations of 8 bits.
const nbitsInt8 = 4

// nbitsAttrs reads K, N, bits, block_size and accuracy_level.
func nbitsAttrs(n *graph.Node) (b kernels.NBits, accuracy int64, err error) {
	var k, cols, bits, block int64
	for _, a := range []struct {
		name string
		def  int64
		to   *int64
	}{{"K", 0, &k}, {"N", 0, &cols}, {"bits", 4, &bits}, {"block_size", 0, &block}, {"accuracy_level", 0, &accuracy}} {
		if *a.to, err = n.IntAttr(a.name, a.def); err != nil {
			return b, 0, err
		}
	}
	if k < 1 || cols < 1 || k > 1<<40 || cols > 1<<40 {
		return b, 0, modelErr(n, "K is %d and N is %d, expected positive numbers", k, cols)
	}
	if bits != 4 && bits != 8 {
		return b, 0, unsupported(n, "weights of %d bits, expected 4 or 8", bits)
	}
	if block < 16 || block > 256 || block&(block-1) != 0 {
		return b, 0, unsupported(n, "blocks of %d, expected a power of two from 16 to 256", block)
	}
	return kernels.NBits{K: int(k), N: int(cols), Bits: int(bits), Block: int(block)}, accuracy, nil
}

func inferNBits(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 3, 6); err != nil {
		return nil, err
	}
	b, _, err := nbitsAttrs(n)
	if err != nil {
		return nil, err
	}
	if err := wantDType(n, in, nbitsWeights, tensor.Uint8); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, nbitsScales, tensor.Float32); err != nil {
		return nil, err
	}
	if present(in, nbitsZeros) {
		if err := wantDType(n, in, nbitsZeros, tensor.Uint8); err != nil {
			return nil, err
		}
	}
	if present(in, nbitsGroups) {
		return nil, unsupported(n, "g_idx, an order of the rows of B")
	}
	return inferProduct(n, in, b.K, b.N, nbitsBias)
}

type nbitsGemm struct {
	weightGemm
	b    *kernels.PackedNBits
	gemm func(pool *kernels.Pool, m int, a []float32, lda int, b *kernels.PackedNBits, c []float32, ldc int, bias []float32, act kernels.Activation)
}

func buildNBits(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	b, accuracy, err := nbitsAttrs(n)
	if err != nil {
		return nil, err
	}
	if !hasConst(in, nbitsWeights) || !hasConst(in, nbitsScales) || present(in, nbitsZeros) && !hasConst(in, nbitsZeros) {
		return nil, unsupported(n, "weights, scales and zero points that are not constants")
	}
	b.Q, b.Scale = tensor.Data[uint8](in[nbitsWeights].Const), tensor.Data[float32](in[nbitsScales].Const)
	if present(in, nbitsZeros) {
		b.Zero = tensor.Data[uint8](in[nbitsZeros].Const)
		if b.Zero == nil {
			b.Zero = []uint8{}
		}
	}
	if err := b.Check(); err != nil {
		return nil, modelErr(n, "%v", err)
	}
	g, err := newWeightGemm(n, in, b.K, b.N, nbitsBias, pool)
	if err != nil {
		return nil, err
	}
	gemm := kernels.GemmF32NBits
	if accuracy == nbitsInt8 {
		gemm = kernels.GemmS8NBits
	}
	return &nbitsGemm{g, kernels.PackNBits(&b), gemm}, nil
}

func (g *nbitsGemm) Run(in, out []*tensor.Tensor, _ []byte) error {
	g.gemm(g.pool, g.rows(in), tensor.Data[float32](in[0]), g.k, g.b, tensor.Data[float32](out[0]), g.n, g.bias, g.act)
	return nil
}
