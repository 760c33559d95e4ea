package quant

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// activations are the values that are quantised: the inputs of all sites; and, between convolutions, inputs and results of the operators
// that have an integer kernel too, so that an image stays in bytes. A value that only moves, or of which the largest are taken, keeps the
// range of what it comes from.
type activations struct {
	of      map[string]*ranger // by value
	watched []string           // those with a range of their own, in order
	order   []string           // all
}

// movers keep the range of their input.
var movers = map[string]bool{"Flatten": true, "Reshape": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "MaxPool": true}

// between are operators that turn images into images; those with true have integer kernels of their own or become tables, the others
// become limits of the operator before them.
var between = map[string]bool{
	"Add": true, "Mul": true, "Concat": true, "AveragePool": true, "GlobalAveragePool": true, "MaxPool": true,
	"LeakyRelu": true, "Sigmoid": true, "HardSigmoid": true, "HardSwish": true, "Tanh": true, "Elu": true, "Relu": false, "Clip": false,
}

func findActivations(g *graph.Graph, sites []*site) *activations {
	a := &activations{of: map[string]*ranger{}}
	producer, output := map[string]*graph.Node{}, map[string]bool{}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			producer[out] = n
		}
	}
	for _, v := range g.Outputs {
		output[v.Name] = true
	}
	convs := map[*graph.Node]bool{}
	for _, s := range sites {
		convs[s.node] = s.axis == 0
		a.add(g, producer, s.node.Inputs[0])
	}
	image := map[string]bool{}
	for _, n := range g.Nodes { // sorted
		if convs[n] {
			image[n.Outputs[0]] = true
			continue
		}
		integer, ok := between[n.Op]
		if !ok || n.Domain != graph.DomainONNX || len(n.Outputs) != 1 {
			continue
		}
		inputs := n.Inputs
		if n.Op == "Clip" {
			inputs = inputs[:1]
		}
		for _, in := range inputs {
			ok = ok && image[in]
		}
		if image[n.Outputs[0]] = ok; !ok || !integer || output[n.Outputs[0]] {
			continue
		}
		for _, in := range inputs {
			a.add(g, producer, in)
		}
		a.addResult(g, producer, n)
	}
	return a
}

// addResult quantises the result of n, or of the activation that alone follows it, which becomes one kernel with it.
func (a *activations) addResult(g *graph.Graph, producer map[string]*graph.Node, n *graph.Node) {
	var users []*graph.Node
	for _, u := range g.Nodes {
		for _, in := range u.Inputs {
			if in == n.Outputs[0] {
				users = append(users, u)
			}
		}
	}
	if len(users) == 1 && (users[0].Op == "Relu" || users[0].Op == "Clip") {
		for _, v := range g.Outputs {
			if v.Name == users[0].Outputs[0] {
				return
			}
		}
		a.add(g, producer, users[0].Outputs[0])
		return
	}
	a.add(g, producer, n.Outputs[0])
}

// add quantises value and what it was moved from.
func (a *activations) add(g *graph.Graph, producer map[string]*graph.Node, value string) *ranger {
	if r := a.of[value]; r != nil {
		return r
	}
	var r *ranger
	if n := producer[value]; n != nil && n.Domain == graph.DomainONNX && movers[n.Op] && len(n.Outputs) == 1 && g.Initializers[n.Inputs[0]] == nil {
		r = a.add(g, producer, n.Inputs[0])
	} else {
		r = &ranger{}
		a.watched = append(a.watched, value)
	}
	a.of[value] = r
	a.order = append(a.order, value)
	return r
}

// rewrite puts QuantizeLinear and DequantizeLinear between each value and all of its users.
func (a *activations) rewrite(g *graph.Graph) {
	users := map[string][]*graph.Node{}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			users[in] = append(users[in], n)
		}
	}
	for _, value := range a.order {
		scale, zero := a.of[value].params()
		prefix := value + ".int8."
		setScalar(g, prefix+"a_scale", scale)
		setScalar(g, prefix+"a_zero", zero)
		for _, n := range users[value] {
			for i, in := range n.Inputs {
				if in == value {
					n.Inputs[i] = prefix + "x"
				}
			}
		}
		g.Nodes = append(g.Nodes,
			&graph.Node{Name: prefix + "q", Op: "QuantizeLinear", Inputs: []string{value, prefix + "a_scale", prefix + "a_zero"}, Outputs: []string{prefix + "xq"}},
			&graph.Node{Name: prefix + "dq", Op: "DequantizeLinear", Inputs: []string{prefix + "xq", prefix + "a_scale", prefix + "a_zero"}, Outputs: []string{prefix + "x"}})
	}
}

func setScalar[T float32 | int8](g *graph.Graph, name string, v T) {
	g.Initializers[name] = tensor.Of([]T{v})
}
