package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The support vector machines of ai.onnx.ml, in float32. Without support vectors they are linear.
var (
	opSVMClassifier = &Op{Name: "svm_classifier", Domain: graph.DomainML, Type: "SVMClassifier", Since: 1, Infer: inferSVMClassifier, Build: buildSVMClassifier, Rows: rowsFeature}
	opSVMRegressor  = &Op{Name: "svm_regressor", Domain: graph.DomainML, Type: "SVMRegressor", Since: 1, Infer: inferSVMRegressor, Build: buildSVMRegressor, Rows: rowsFeature}
)

type svmKind uint8

const (
	svmLinear  svmKind = iota // x·v
	svmPoly                   // (γ·x·v + c)^d
	svmRBF                    // e^(−γ·|x−v|²)
	svmSigmoid                // tanh(γ·x·v + c)
)

var svmKinds = map[string]svmKind{"LINEAR": svmLinear, "POLY": svmPoly, "RBF": svmRBF, "SIGMOID": svmSigmoid}

// svmModel is what both operators have: the kernel function of a row with each of count vectors, and the weights of its values.
type svmModel struct {
	kind              svmKind
	gamma, coef       float32
	degree            []float32 // one element
	count, cols       int
	vectors           []float32 // [count, cols]
	coefficients, rho []float32
	post              postTransform
}

// svmOf reads the attributes of either operator; count is that of the support vectors, 0 for a linear model of the given outputs.
func svmOf(n *graph.Node, in []graph.Arg, count, outputs int) (m svmModel, rows int, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return m, 0, err
	}
	if err = wantDType(n, in, 0, mlNumbers...); err != nil {
		return m, 0, err
	}
	if rows, m.cols, err = matrixOf(n, in[0].Shape); err != nil {
		return m, 0, err
	}
	kind, err := n.StringAttr("kernel_type", "LINEAR")
	if err != nil {
		return m, 0, err
	}
	var ok bool
	if m.kind, ok = svmKinds[kind]; !ok {
		return m, 0, modelErr(n, "attribute \"kernel_type\" is %q", kind)
	}
	params, err := n.FloatsAttr("kernel_params")
	if err != nil {
		return m, 0, err
	}
	if len(params) != 0 && len(params) != 3 {
		return m, 0, modelErr(n, "%d kernel parameters, expected gamma, coef0 and degree", len(params))
	}
	m.degree = []float32{0}
	if len(params) == 3 {
		m.gamma, m.coef, m.degree = params[0], params[1], params[2:]
	}
	for name, to := range map[string]*[]float32{"support_vectors": &m.vectors, "coefficients": &m.coefficients, "rho": &m.rho} {
		if *to, err = n.FloatsAttr(name); err != nil {
			return m, 0, err
		}
	}
	if m.post, err = postTransformOf(n); err != nil {
		return m, 0, err
	}
	if len(m.rho) == 0 {
		return m, 0, modelErr(n, "attribute \"rho\" is empty")
	}
	m.count = count
	if count == 0 {
		m.kind, m.count, m.vectors = svmLinear, outputs, m.coefficients
	}
	if m.count > len(m.vectors) || m.count*m.cols != len(m.vectors) {
		return m, 0, modelErr(n, "%d elements of vectors, expected %d vectors of %d features", len(m.vectors), m.count, m.cols)
	}
	return m, rows, nil
}

// svmRows is the number of rows that are computed together: it bounds the scratch memory.
const svmRows = 64

// svmDots computes the kernel function.
type svmDots struct {
	svmModel
	packed *kernels.PackedF32
	pool   *kernels.Pool
}

func newDots(m svmModel, pool *kernels.Pool) svmDots {
	d := svmDots{svmModel: m, pool: pool}
	if m.kind != svmRBF {
		d.packed = kernels.PackF32(m.cols, m.count, m.vectors, 1, m.cols)
	}
	return d
}

// run writes the function of each row of x [rows, cols] with each vector to dst [rows, count]; row holds cols elements.
func (d *svmDots) run(dst, x, row []float32, rows int) {
	if d.kind == svmRBF {
		for r := range rows {
			for v := range d.count {
				kernels.SubF32(row, x[r*d.cols:(r+1)*d.cols], d.vectors[v*d.cols:(v+1)*d.cols])
				dst[r*d.count+v] = -d.gamma * kernels.SumSquareF32(row, 0)
			}
		}
		kernels.ExpF32(dst, dst)
		return
	}
	kernels.GemmF32(d.pool, rows, x, d.cols, d.packed, dst, d.count, nil, nil)
	if d.kind == svmLinear {
		return
	}
	for i, v := range dst {
		dst[i] = float32(v*d.gamma) + d.coef
	}
	switch {
	case d.kind == svmSigmoid:
		kernels.TanhF32(dst, dst)
	case d.degree[0] == 3:
		for i, v := range dst {
			dst[i] = float32(v*v) * v
		}
	default:
		kernels.PowF32(dst, dst, d.degree)
	}
}

// floatsOf is the scratch memory of run, in elements: a block of its results and a row.
func (d *svmDots) floatsOf() int { return svmRows*d.count + d.cols }

func inferSVMRegressor(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	_, rows, err := svmRegressorOf(n, in)
	return []graph.Arg{{DType: tensor.Float32, Shape: []int{rows, 1}}}, err
}

func svmRegressorOf(n *graph.Node, in []graph.Arg) (m svmModel, rows int, err error) {
	count, err := n.IntAttr("n_supports", 0)
	if err != nil {
		return m, 0, err
	}
	if count < 0 || count > math.MaxInt32 {
		return m, 0, modelErr(n, "%d support vectors", count)
	}
	if m, rows, err = svmOf(n, in, int(count), 1); err != nil {
		return m, 0, err
	}
	if count > 0 && len(m.coefficients) != m.count {
		return m, 0, modelErr(n, "%d coefficients for %d support vectors", len(m.coefficients), m.count)
	}
	return m, rows, nil
}

func buildSVMRegressor(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	m, _, err := svmRegressorOf(n, in)
	if err != nil {
		return nil, err
	}
	one, err := n.IntAttr("one_class", 0)
	k := &svmRegressor{svmDots: newDots(m, pool), one: one != 0}
	if supports, _ := n.IntAttr("n_supports", 0); supports > 0 {
		k.weights = kernels.PackF32(m.count, 1, m.coefficients, 1, m.count)
	}
	return k, err
}

// svmRegressor computes Σ coefficient·kernel + rho per row, or its sign for a one-class machine.
type svmRegressor struct {
	svmDots
	weights *kernels.PackedF32 // nil: the kernel's one value is the sum
	one     bool
}

// ScratchBytes implements graph.ScratchKernel.
func (k *svmRegressor) ScratchBytes(args []graph.Arg) int {
	return featuresBytes(args[0]) + 4*k.floatsOf()
}

// Run implements graph.Kernel.
func (k *svmRegressor) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, scratch := featuresF32(in[0], scratch)
	f := floats(scratch)
	dots, row := f[:svmRows*k.count], f[svmRows*k.count:]
	y := tensor.Data[float32](out[0])
	for at := 0; at < len(y); at += svmRows {
		rows := min(svmRows, len(y)-at)
		block := x[at*k.cols : (at+rows)*k.cols]
		if k.weights == nil {
			k.run(y[at:at+rows], block, row[:k.cols], rows)
		} else {
			k.run(dots[:rows*k.count], block, row[:k.cols], rows)
			kernels.GemmF32(nil, rows, dots, k.count, k.weights, y[at:], 1, nil, nil)
		}
	}
	for i, v := range y {
		v += k.rho[0]
		switch {
		case !k.one:
			y[i] = v
		case v > 0:
			y[i] = 1
		default:
			y[i] = -1
		}
	}
	return nil
}
