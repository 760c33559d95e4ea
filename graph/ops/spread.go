package ops

import (
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// spread is the kernel of an elementwise operator that cuts large outputs over the pool: all elements where each input has as many or one,
// else the first axis that has more than one. A piece is a run of the kernel on parts of the tensors, so the bits are those of one run.
type spread struct {
	pool *kernels.Pool
	run  kernelFunc
}

const (
	spreadInputs, spreadRank = 4, 8
	// spreadBytes of output are worth a share of a pool: 16 Ki numbers of 4 bytes, of which a sum takes some 5 µs.
	spreadBytes = 64 << 10
	// spreadAlign elements begin a cache line, whatever their type.
	spreadAlign = 64
	// spreadShares for each thread even out those that start late.
	spreadShares = 4
)

// spreadOver makes a spread of the kernels that have neither scratch memory nor a use of the pool of their own.
func spreadOver(pool *kernels.Pool, k graph.Kernel) graph.Kernel {
	if f, ok := k.(kernelFunc); ok && pool.Threads() > 1 {
		return &spread{pool, f}
	}
	return k
}

// Run implements graph.Kernel.
func (s *spread) Run(in, out []*tensor.Tensor, _ []byte) error {
	shares := min(len(out[0].Bytes)/spreadBytes, spreadShares*s.pool.Threads())
	if shares < 2 || len(in) > spreadInputs || len(out[0].Shape) > spreadRank {
		return s.run(in, out)
	}
	j := spreadJobs.Get().(*spreadJob)
	defer j.release()
	j.in, j.out, j.run = in, out[0], s.run
	if !j.cut(shares) {
		return s.run(in, out)
	}
	s.pool.Run((j.rows+j.share-1)/j.share, j)
	return j.err
}

// spreadJob is one run. A chunk is some rows, positions of the axis that is cut.
type spreadJob struct {
	in          []*tensor.Tensor
	out         *tensor.Tensor
	run         kernelFunc
	flat        bool // rows are elements
	fromEnd     int  // the axis that is cut, 1 for the last
	rows, share int
	failed      sync.Mutex
	err         error
}

var spreadJobs = sync.Pool{New: func() any { return new(spreadJob) }}

func (j *spreadJob) release() {
	*j = spreadJob{}
	spreadJobs.Put(j)
}

// cut chooses the axis and the rows of a chunk; false: the tensors cannot be cut.
func (j *spreadJob) cut(shares int) bool {
	n := j.out.Len()
	j.flat = true
	for _, t := range j.in {
		if t != nil {
			if t.DType == tensor.String || len(t.Shape) > len(j.out.Shape) {
				return false
			}
			size := t.Len()
			j.flat = j.flat && (size == n || size == 1)
		}
	}
	if j.flat {
		j.fromEnd, j.rows = 1, n
		j.share = (n/shares + spreadAlign - 1) / spreadAlign * spreadAlign
		return true
	}
	for i, d := range j.out.Shape {
		if d > 1 {
			j.fromEnd, j.rows, j.share = len(j.out.Shape)-i, d, (d+shares-1)/shares
			return true
		}
	}
	return false
}

// spreadParts are the tensors of a chunk.
type spreadParts struct {
	tensors [spreadInputs + 1]tensor.Tensor
	shapes  [spreadInputs + 1][spreadRank]int
	in      [spreadInputs]*tensor.Tensor
	out     [1]*tensor.Tensor
}

var spreadPartsPool = sync.Pool{New: func() any { return new(spreadParts) }}

// Chunk runs the kernel on the i-th rows.
func (j *spreadJob) Chunk(i int) {
	p := spreadPartsPool.Get().(*spreadParts)
	from, to := i*j.share, min((i+1)*j.share, j.rows)
	for k, t := range j.in {
		if t != nil {
			p.in[k] = p.part(k, t, j, from, to)
		}
	}
	p.out[0] = p.part(spreadInputs, j.out, j, from, to)
	if err := j.run(p.in[:len(j.in)], p.out[:]); err != nil {
		j.failed.Lock()
		j.err = err
		j.failed.Unlock()
	}
	*p = spreadParts{}
	spreadPartsPool.Put(p)
}

// part is rows from…to of t, all of it where it has one row that serves all.
func (p *spreadParts) part(k int, t *tensor.Tensor, j *spreadJob, from, to int) *tensor.Tensor {
	v, shape := &p.tensors[k], p.shapes[k][:0]
	if j.flat {
		shape = append(shape, t.Len())
	} else {
		shape = append(shape, t.Shape...)
	}
	v.DType, v.Shape, v.Bytes = t.DType, shape, t.Bytes
	if rows := dimFromEnd(shape, j.fromEnd); rows > 1 {
		shape[len(shape)-j.fromEnd] = to - from
		size := len(t.Bytes) / rows
		v.Bytes = t.Bytes[from*size : to*size]
	}
	return v
}
