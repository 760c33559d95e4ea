package ops

import (
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Attributes of Chain. Step i is AttrSteps[i], an ONNX operator of ChainPairs or an activation of FusedActivation, of the operands
// AttrOperands[2i] and, for a pair, AttrOperands[2i+1]: inputs, or ChainResult for what the step before has made. An activation is of
// that alone; its alpha and beta are AttrStepParams[2i] and [2i+1].
const (
	AttrSteps      = "steps"
	AttrOperands   = "operands"
	AttrStepParams = "step_params"
	ChainResult    = -1
)

// ChainPairs are the functions of two operands that a step of a chain can be.
var ChainPairs = map[string]func(dst, a, b []float32){
	"Add": kernels.AddF32, "Sub": kernels.SubF32, "Mul": kernels.MulF32, "Div": kernels.DivF32, "Max": kernels.MaximumF32, "Min": kernels.MinimumF32,
}

// MaxChainInputs bounds the inputs of a chain: a block of each lies in the first-level cache.
const MaxChainInputs = 4

// opChain is elementwise operators one after the other on packed values, and on what broadcasts with them: all of them on a block of the
// result before the next one. Each step is the kernel of the separate operator, so the bits are those.
var opChain = &Op{
	Name: "chain", Domain: graph.DomainFused, Type: "Chain", RowAxes: rowsElementwise,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, min(len(in), MaxChainInputs), MaxChainInputs); err != nil {
			return nil, err
		}
		if _, err := readChain(n, len(in)); err != nil {
			return nil, err
		}
		var shape []int
		for i := range in {
			err := wantDType(n, in, i, tensor.Float32)
			if err == nil {
				shape, err = broadcastShape(n, shape, in[i].Shape)
			}
			if err != nil {
				return nil, err
			}
		}
		if len(shape) != packedRank {
			return nil, modelErr(n, "shape %v, expected packed channels", shape)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		steps, err := readChain(n, len(in))
		return &chain{pool, steps}, err
	},
}

// chainStep is a pair or an activation.
type chainStep struct {
	pair        func(dst, a, b []float32)
	left, right int
	act         kernels.Epilogue
}

func readChain(n *graph.Node, inputs int) ([]chainStep, error) {
	operands, err := n.IntsAttr(AttrOperands)
	if err != nil {
		return nil, err
	}
	names, params := n.Attrs[AttrSteps].Strings, n.Attrs[AttrStepParams].Floats
	if len(names) == 0 || len(operands) != 2*len(names) || len(params) != 2*len(names) {
		return nil, modelErr(n, "%d steps with %d operands and %d parameters", len(names), len(operands), len(params))
	}
	steps := make([]chainStep, len(names))
	for i, name := range names {
		act, known := activations[name]
		pair := ChainPairs[name]
		for _, o := range operands[2*i : 2*i+2] {
			if o < ChainResult || o >= int64(inputs) || o == ChainResult && i == 0 || o != ChainResult && pair == nil {
				return nil, modelErr(n, "step %d, %s, has operand %d", i, name, o)
			}
		}
		if pair == nil && !known {
			return nil, modelErr(n, "step %d is %q", i, name)
		}
		steps[i] = chainStep{pair, int(operands[2*i]), int(operands[2*i+1]), kernels.Epilogue{Act: act, Alpha: params[2*i], Beta: params[2*i+1]}}
	}
	return steps, nil
}

type chain struct {
	pool  *kernels.Pool
	steps []chainStep
}

// chainBlock elements go through all steps at a time: 8 KiB, so that the operands and the result stay in the first-level cache.
const chainBlock = 2 << 10

// chainJob is one run, an image of a channel block per chunk.
type chainJob struct {
	*chain
	in    []*tensor.Tensor
	out   []float32
	shape []int
	plane int
}

var chainJobs = sync.Pool{New: func() any { return new(chainJob) }}

// Run implements graph.Kernel.
func (k *chain) Run(in, out []*tensor.Tensor, _ []byte) error {
	j, s := chainJobs.Get().(*chainJob), out[0].Shape
	*j = chainJob{k, in, tensor.Data[float32](out[0]), s, s[2] * s[3] * s[4]}
	if j.plane > 0 {
		k.pool.Run(s[0]*s[1], j)
	}
	*j = chainJob{}
	chainJobs.Put(j)
	return nil
}

// chainSpace holds operands that are stretched.
type chainSpace [MaxChainInputs][chainBlock]float32

var chainSpaces = sync.Pool{New: func() any { return new(chainSpace) }}

// Chunk computes plane i.
func (j *chainJob) Chunk(i int) {
	space := chainSpaces.Get().(*chainSpace)
	var operands [MaxChainInputs]chainOperand
	for k, t := range j.in {
		operands[k] = j.operand(t, i, space[k][:min(chainBlock, j.plane)])
	}
	dst := j.out[i*j.plane:][:j.plane]
	for at := 0; at < len(dst); at += chainBlock {
		block := dst[at:min(at+chainBlock, len(dst))]
		for k, t := range j.in {
			if operands[k].kind == chainAny {
				for e := range block {
					operands[k].x[e] = tensor.Data[float32](t)[offset(i*j.plane+at+e, j.shape, t.Shape, packedRank)]
				}
			}
		}
		for s := range j.steps {
			step := &j.steps[s]
			if step.pair == nil {
				step.act.Activate(block)
				continue
			}
			a, b := block, block
			if step.left != ChainResult {
				a = operands[step.left].block(at, len(block))
			}
			if step.right != ChainResult {
				b = operands[step.right].block(at, len(block))
			}
			step.pair(block, a, b)
		}
	}
	chainSpaces.Put(space)
}

// chainOperand is an input in one plane.
type chainOperand struct {
	kind chainKind
	x    []float32
}

type chainKind uint8

const (
	chainWhole chainKind = iota // as many elements as the plane
	chainOne
	chainLanes // those of one pixel, again and again for a block
	chainAny   // a block at a time
)

// operand reads what input t has for plane i; space is that of a block.
func (j *chainJob) operand(t *tensor.Tensor, i int, space []float32) chainOperand {
	inner := 1
	for axis := 2; axis < packedRank; axis++ {
		inner *= dimFromEnd(t.Shape, packedRank-axis)
	}
	x := tensor.Data[float32](t)[offset(i, j.shape, t.Shape, 2)*inner:][:inner]
	switch {
	case inner == j.plane:
		return chainOperand{chainWhole, x}
	case inner == 1:
		return chainOperand{chainOne, x}
	case inner != dimFromEnd(t.Shape, 1):
		return chainOperand{chainAny, space}
	}
	for n := copy(space, x); n < len(space); n *= 2 {
		copy(space[n:], space[:n])
	}
	return chainOperand{chainLanes, space}
}

func (o *chainOperand) block(at, n int) []float32 {
	switch o.kind {
	case chainWhole:
		return o.x[at:][:n]
	case chainOne:
		return o.x
	}
	return o.x[:n]
}
