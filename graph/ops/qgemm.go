package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opQGemm is DequantizeLinear → Gemm (→ Relu) (→ QuantizeLinear) as one integer kernel, made by graph/passes.
//
// Inputs: 0 activations u8 [M,K]; 1 their scale; 2 their zero point; 3 weights s8 [K,N]; 4 weight scales [1] or [N];
// 5 bias s32 [N] in units of activation scale · weight scale (may be omitted); 6 output scale and 7 output zero point
// u8 (omitted: f32 output). Attribute "activation". Everything but input 0 is constant.
//
// acc = Σ (a - zero)·w is exact in s32. Output u8: sat(roundeven(f32(acc + bias)·m) + zero point) with
// m = f32(f64(scale_a)·f64(scale_w) / f64(scale_y)); output f32: f32(acc + bias) · f32(f64(scale_a)·f64(scale_w)).
var opQGemm = &Op{Name: "qgemm", Domain: graph.DomainFused, Type: "QGemm", MinInputs: 5, Infer: inferQGemm, Build: buildQGemm, Rows: rowsFirst, Packs: packsAll, Depth: lastAxis}

func inferQGemm(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 5, 8); err != nil {
		return nil, err
	}
	if len(in[0].Shape) != 2 || len(in[3].Shape) != 2 || in[0].Shape[1] != in[3].Shape[0] {
		return nil, modelErr(n, "shapes %v and %v do not multiply", in[0].Shape, in[3].Shape)
	}
	out := tensor.Float32
	if present(in, 6) {
		out = tensor.Uint8
	}
	return []graph.Arg{{DType: out, Shape: []int{in[0].Shape[0], in[3].Shape[1]}}}, nil
}

type qgemmKernel struct {
	pool    *kernels.Pool
	b       *kernels.PackedS8
	requant kernels.Requant // u8 output
	dequant kernels.Dequant // f32 output
}

func buildQGemm(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	k, cols := in[3].Shape[0], in[3].Shape[1]
	if k > kernels.MaxKS8 {
		return nil, unsupported(n, "%d products per sum, expected at most %d so that s32 cannot overflow", k, kernels.MaxKS8)
	}
	kern := &qgemmKernel{pool: pool, b: kernels.PackS8(k, cols, tensor.Data[int8](in[3].Const), cols, 1)}
	act, err := n.StringAttr(AttrActivation, "")
	if err != nil {
		return nil, err
	}
	scaleA := float64(tensor.Data[float32](in[1].Const)[0])
	zeroA := int64(tensor.Data[uint8](in[2].Const)[0])
	scaleW := rowVector(tensor.Data[float32](in[4].Const), cols)
	bias := make([]int32, cols)
	var given []int32
	if present(in, 5) {
		given = tensor.Data[int32](in[5].Const)
	}
	for c := range bias {
		b := -zeroA * int64(kern.b.ColSum[c]) // Σ (a - zero)·w = Σ a·w - zero·Σ w
		if given != nil {
			b += int64(given[c])
		}
		limit := int64(k) * 255 * 128
		if b < math.MinInt32+limit || b > math.MaxInt32-limit {
			return nil, modelErr(n, "the bias of column %d overflows s32", c)
		}
		bias[c] = int32(b)
	}
	if !present(in, 6) {
		kern.dequant = kernels.Dequant{Bias: bias, Scale: make([]float32, cols)}
		if act == "Relu" {
			kern.dequant.Act = kernels.ActRelu
		}
		for c, s := range scaleW {
			kern.dequant.Scale[c] = float32(scaleA * float64(s))
		}
		return kern, nil
	}
	scaleY := float64(tensor.Data[float32](in[6].Const)[0])
	kern.requant = kernels.Requant{Bias: bias, Mult: make([]float32, cols), Hi: math.MaxUint8}
	if present(in, 7) {
		kern.requant.ZeroPoint = int32(tensor.Data[uint8](in[7].Const)[0])
	}
	if act == "Relu" { // max(y, 0) is max(q, zero point) after quantising
		kern.requant.Lo = kern.requant.ZeroPoint
	}
	for c, s := range scaleW {
		kern.requant.Mult[c] = float32(scaleA * float64(s) / scaleY)
	}
	return kern, nil
}

func (q *qgemmKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	m, k, cols := in[0].Shape[0], q.b.K, q.b.N
	a := tensor.Data[uint8](in[0])
	if out[0].DType == tensor.Uint8 {
		kernels.GemmU8S8U8(q.pool, m, a, k, q.b, tensor.Data[uint8](out[0]), cols, &q.requant)
	} else {
		kernels.GemmU8S8F32(q.pool, m, a, k, q.b, tensor.Data[float32](out[0]), cols, &q.dequant)
	}
	return nil
}
