package graph

import "github.com/hotpath/hotpath/graph/tensor"

// Backend builds the kernels of one device. The CPU (graph/ops) is the first; graph/plan asks a backend for every
// node at compile time and never decides anything while running.
type Backend interface {
	// Name is the device in logs and metadata: "cpu".
	Name() string
	// Kernel prepares node n: constants among its arguments are packed now. ErrUnsupported where the backend has no
	// kernel for it. It is called from several goroutines at once.
	Kernel(n *Node, args []Arg) (Kernel, error)
}

// Arg is what is known of one input of a node when a plan is compiled or bound.
type Arg struct {
	DType tensor.DType // Invalid for an omitted optional input
	Shape []int
	Const *tensor.Tensor // the value of a constant, else nil
	// Place keeps what a kernel packs of Const, by layout; see kernels.Place. A kernel that uses it reads elements of Const in fill alone:
	// where they were packed earlier, they are not there. Nil: nothing is kept, which goes for Args made of others with another Const too.
	Place func(layout string, size int, fill func(dst []byte)) []byte
}

// Kernel is a prepared node. It is shared by concurrent runs and keeps no state between them.
type Kernel interface {
	// Run computes out from in; shapes are those inferred. scratch has ScratchBytes bytes. It must not allocate.
	Run(in, out []*tensor.Tensor, scratch []byte) error
}

// ScratchKernel is a Kernel that needs working memory beside its inputs and outputs.
type ScratchKernel interface {
	Kernel
	// ScratchBytes is the size for the given input shapes.
	ScratchBytes(args []Arg) int
}
