package ops

import (
	"sync"
	"unsafe"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// fourierLines is a kernel that transforms lines of one length, each apart from the others.
type fourierLines interface {
	// lines computes lines first…last; line is memory for one.
	lines(f kernels.Fourier, line []complex128, in, out []*tensor.Tensor, first, last int)
}

// fourierShare complex numbers and more in lines are worth a thread: some 20 µs.
const fourierShare = 2048

// fourierBytes is the scratch memory of runFourier: the roots of unity and, for each thread, a line and what transforms it.
func fourierBytes(pool *kernels.Pool, length int) int {
	each := length + kernels.FourierWork(length)
	return multiplied(16, kernels.FourierScratch(length)+multiplied(pool.Threads(), each))
}

// fourierJob is one run. A chunk is the share of a thread.
type fourierJob struct {
	kernel       fourierLines
	in, out      []*tensor.Tensor
	f            kernels.Fourier
	memory       []complex128
	length       int
	count, share int // lines
}

var fourierJobs = sync.Pool{New: func() any { return new(fourierJob) }}

// runFourier computes count lines over the pool.
func runFourier(pool *kernels.Pool, k fourierLines, in, out []*tensor.Tensor, scratch []byte, length, count int) {
	if count == 0 || out[0].Len() == 0 {
		return
	}
	all := unsafe.Slice((*complex128)(unsafe.Pointer(&scratch[0])), len(scratch)/16)
	roots := kernels.FourierScratch(length)
	shares := max(1, min(pool.Threads(), count, count*length/fourierShare))
	j := fourierJobs.Get().(*fourierJob)
	*j = fourierJob{k, in, out, kernels.NewFourier(length, all[:roots]), all[roots:], length, count, (count + shares - 1) / shares}
	pool.Run((count+j.share-1)/j.share, j)
	*j = fourierJob{}
	fourierJobs.Put(j)
}

// Chunk computes the i-th share in memory of its own.
func (j *fourierJob) Chunk(i int) {
	each := j.length + kernels.FourierWork(j.length)
	memory := j.memory[i*each:][:each]
	j.kernel.lines(j.f.Beside(memory[j.length:]), memory[:j.length], j.in, j.out, i*j.share, min((i+1)*j.share, j.count))
}
