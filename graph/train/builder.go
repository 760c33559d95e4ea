package train

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// The names and opsets of the models written here.
const (
	nameInput  = "input"
	nameOutput = "output"
	opsetONNX  = 17
	opsetML    = 3
)

// builder adds nodes to a model under names that nothing else has.
type builder struct {
	m     *graph.Model
	taken map[string]bool
}

func newBuilder() *builder {
	m := &graph.Model{
		Opsets:   map[string]int64{graph.DomainONNX: opsetONNX, graph.DomainML: opsetML},
		Metadata: map[string]string{},
		Producer: "hotpath",
	}
	m.Graph.Name = "hotpath"
	m.Graph.Initializers = map[string]*tensor.Tensor{}
	return &builder{m: m, taken: map[string]bool{nameOutput: true}}
}

// name makes a name unique by appending a number.
func (b *builder) name(want string) string {
	got := want
	for i := 1; b.taken[got]; i++ {
		got = want + "_" + strconv.Itoa(i)
	}
	b.taken[got] = true
	return got
}

// input declares a graph input of rows.
func (b *builder) input(want string, d tensor.DType, cols int) string {
	name := b.name(want)
	b.m.Graph.Inputs = append(b.m.Graph.Inputs, graph.Value{Name: name, DType: d, Shape: []int{-1, cols}})
	return name
}

// constant adds an initializer.
func (b *builder) constant(want string, t *tensor.Tensor) string {
	name := b.name(want)
	b.m.Graph.Initializers[name] = t
	return name
}

// node adds a node with one output, whose name it returns.
func (b *builder) node(domain, op, want string, attrs map[string]graph.Attr, inputs ...string) string {
	out := b.name(want)
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, &graph.Node{Name: out, Domain: domain, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

// output renames the value that the last node makes to the model's output of cols scores.
func (b *builder) output(cols int) {
	last := b.m.Graph.Nodes[len(b.m.Graph.Nodes)-1]
	last.Outputs[0] = nameOutput
	b.m.Graph.Outputs = []graph.Value{{Name: nameOutput, DType: tensor.Float32, Shape: []int{-1, cols}}}
}
