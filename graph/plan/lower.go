package plan

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/passes"
)

// lowered is a model after the passes: what a plan is built of, and what the cache keeps of it.
type lowered struct {
	graph    graph.Graph
	inputs   []graph.Value // of the model as given, as its signature has them
	outputs  []graph.Value
	metadata map[string]string
}

// lower runs the passes for a backend.
func lower(m *graph.Model, o Options) (*lowered, error) {
	if err := checkOpsets(&m.Graph, m.Opsets); err != nil {
		return nil, err
	}
	l := &lowered{inputs: m.Graph.Inputs, outputs: m.Graph.Outputs, metadata: m.Metadata}
	if _, err := l.signature(); err != nil {
		return nil, err
	}
	m, err := passes.Expand(m)
	if err != nil {
		return nil, err
	}
	m, err = passes.Standard(m)
	if err != nil {
		return nil, err
	}
	if err := passes.Fuse(m); err != nil {
		return nil, err
	}
	if o.Backend.Name() == (ops.CPU{}).Name() {
		if err := passes.Layout(m); err != nil {
			return nil, err
		}
	}
	if err := passes.Lower(m, o.Precision); err != nil {
		return nil, err
	}
	l.graph = m.Graph
	return l, nil
}

func (l *lowered) signature() (*graph.Signature, error) {
	return (&graph.Model{Graph: graph.Graph{Inputs: l.inputs, Outputs: l.outputs}, Metadata: l.metadata}).Signature()
}

// build makes the plan, with what is packed on s. l stays as it is.
func (l *lowered) build(o Options, s *shelf) (*Plan, error) {
	signature, err := l.signature()
	if err != nil {
		return nil, err
	}
	p := &Plan{machine: machine{o.Backend, o.Pool, o.MaxBytes, o.MaxIterations, o.Observer, o.Builders, s}, signature: signature, precision: o.Precision}
	g := l.graph
	if err := p.build(&g); err != nil {
		return nil, err
	}
	p.packedBytes, p.shelf = s.bytes(&l.graph), nil
	return p, nil
}

// checkOpsets refuses a model whose opset is older than the definition an operator is implemented by.
func checkOpsets(g *graph.Graph, opsets map[string]int64) error {
	for _, n := range g.Nodes {
		if n.Domain == graph.DomainFused {
			return fmt.Errorf("%s: domain %q is internal: %w", n, n.Domain, graph.ErrModel)
		}
		op, err := ops.Find(n)
		if err != nil {
			return err
		}
		have := n.Opset // of the function that it came with, which may import another than the model
		if have == 0 {
			have = opsets[n.Domain]
		}
		if have < op.Since {
			return fmt.Errorf("%s: opset %d of domain %q, expected %d or newer: %w", n, have, n.Domain, op.Since, graph.ErrUnsupported)
		}
		for _, name := range op.Bodies {
			if n.Attrs[name].Graph == nil {
				return fmt.Errorf("%s: attribute %q is no graph: %w", n, name, graph.ErrModel)
			}
		}
		for _, body := range n.Bodies() {
			if err := checkOpsets(body, opsets); err != nil {
				return err
			}
		}
	}
	return nil
}
