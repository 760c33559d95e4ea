package keras

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// opset of the models made: the first with all operators that layers become.
const opset = 18

// maxLayers bounds a model.
const maxLayers = 1 << 14

// value is a named edge with its shape, whose first dimension is the batch.
type value struct {
	name  string
	shape []int
}

// layer is a layer of the model.
type layer struct {
	class   string
	config  layerConfig
	weights []*tensor.Tensor
	calls   []call
}

// builder makes a graph of layers.
type builder struct {
	model    *graph.Model
	problems problems
	major    int // version of Keras, whose functions differ
	layers   map[string]*layer
	order    []*layer
	names    map[string]int // of values, to keep them apart
	current  *layer
	values   map[tensorRef]value
	open     map[tensorRef]bool // being built: a cycle leads back to one
}

// build makes the model of a configuration.
func build(config *object, weights layerWeights, version string) (*graph.Model, error) {
	major, _ := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	b := &builder{
		model:  &graph.Model{Opsets: map[string]int64{graph.DomainONNX: opset}, Metadata: map[string]string{}, Producer: "keras " + version},
		major:  major,
		layers: map[string]*layer{}, names: map[string]int{}, values: map[tensorRef]value{}, open: map[tensorRef]bool{},
	}
	b.model.Graph.Initializers = map[string]*tensor.Tensor{}
	if config.Class != "Sequential" && config.Class != "Functional" && config.Class != "Model" {
		return nil, fmt.Errorf("keras: a model of class %q, expected Sequential or Functional: %w", config.Class, graph.ErrUnsupported)
	}
	var mc modelConfig
	if err := json.Unmarshal(config.Config, &mc); err != nil {
		return nil, fmt.Errorf("keras: config of the model: %w: %w", err, graph.ErrFormat)
	}
	b.model.Graph.Name = mc.Name
	if err := b.readLayers(mc.Layers, weights); err != nil {
		return nil, err
	}
	outputs, err := b.connect(config, &mc)
	if err != nil {
		return nil, err
	}
	if err := b.problems.err(); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, v := range b.model.Graph.Inputs {
		used[v.Name] = true
	}
	for _, v := range outputs {
		if used[v.name] { // an input, or named twice
			v.name = b.add("Identity", nil, v.name)
		}
		used[v.name] = true
		b.model.Graph.Outputs = append(b.model.Graph.Outputs, graph.Value{Name: v.name, DType: tensor.Float32, Shape: v.shape})
	}
	for _, n := range b.model.Graph.Nodes {
		n.Opset = opset
	}
	return b.model, b.model.Graph.Check()
}

// readLayers decodes the layers and finds their weights; what hotpath has no form of becomes a problem.
func (b *builder) readLayers(list []object, weights layerWeights) error {
	if len(list) > maxLayers {
		return fmt.Errorf("keras: %d layers, expected at most %d: %w", len(list), maxLayers, graph.ErrLimit)
	}
	for _, o := range list {
		l := &layer{class: o.Class}
		if forms[o.Class] == nil && o.Class != inputLayer {
			b.problems.add("layer class %s", o.Class)
			continue
		}
		if err := json.Unmarshal(o.Config, &l.config); err != nil {
			return fmt.Errorf("keras: config of a %s layer: %w: %w", o.Class, err, graph.ErrFormat)
		}
		b.checkActivation(&l.config)
		name := l.config.Name
		if name == "" || b.layers[name] != nil {
			return fmt.Errorf("keras: layer name %q is empty or used twice: %w", name, graph.ErrFormat)
		}
		if d, text := dtypeOf(l.config.DType); d != tensor.Float32 && o.Class != inputLayer {
			b.problems.add("layer %q of dtype %s", name, text)
		}
		var err error
		if l.calls, err = calls(o.Inbound); err != nil {
			return fmt.Errorf("keras: inbound_nodes of layer %q: %w: %w", name, err, graph.ErrFormat)
		}
		if l.weights, err = weights(name, o.Class); err != nil && err != errNoWeights {
			return fmt.Errorf("keras: layer %q: %w", name, err)
		}
		b.layers[name] = l
		b.order = append(b.order, l)
	}
	return nil
}

// connect runs the layers over values and gives those of the model's outputs.
func (b *builder) connect(config *object, mc *modelConfig) ([]value, error) {
	if len(b.problems.list) > 0 {
		return nil, b.problems.err() // values behind an unknown layer have no shape
	}
	if len(b.order) == 0 {
		return nil, fmt.Errorf("keras: a model without layers: %w", graph.ErrFormat)
	}
	if config.Class == "Sequential" {
		return b.sequence(config, mc)
	}
	var ends []tensorRef
	for _, list := range []json.RawMessage{mc.Inputs, mc.Outputs} {
		var raw any
		if err := json.Unmarshal(list, &raw); err != nil {
			return nil, fmt.Errorf("keras: inputs and outputs of the model: %w: %w", err, graph.ErrFormat)
		}
		refs, err := tensorRefs(raw, nil, 0)
		if err != nil {
			return nil, err
		}
		if ends = refs; len(refs) == 0 {
			return nil, fmt.Errorf("keras: a model without inputs or outputs: %w", graph.ErrFormat)
		}
		for _, ref := range refs { // inputs first, in their order
			if _, err := b.eval(ref); err != nil {
				return nil, err
			}
		}
	}
	outputs := make([]value, len(ends))
	for i, ref := range ends {
		outputs[i] = b.values[ref]
	}
	return outputs, nil
}

// sequence connects the layers of a Sequential model.
func (b *builder) sequence(config *object, mc *modelConfig) ([]value, error) {
	var x value
	layers := b.order
	first := layers[0]
	if first.class == inputLayer {
		layers = layers[1:]
	} else { // the shape is a setting of the first layer, or of the model
		shape := first.config.BatchInputShape
		for _, other := range []json.RawMessage{mc.Build, config.BuildConfig.InputShape} {
			if len(shape) == 0 || string(shape) == "null" {
				shape = other
			}
		}
		input := &layer{class: inputLayer}
		input.config.Name, input.config.BatchShape = first.config.Name+"_input", shape
		first = input
	}
	x, err := b.input(first)
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		if x, err = b.apply(l, []value{x}); err != nil {
			return nil, err
		}
	}
	return []value{x}, nil
}

// eval gives the value of one call of a layer, after what it reads.
func (b *builder) eval(ref tensorRef) (value, error) {
	if v, ok := b.values[ref]; ok {
		return v, nil
	}
	l := b.layers[ref.layer]
	switch {
	case l == nil:
		return value{}, fmt.Errorf("keras: a reference to layer %q, which is not there: %w", ref.layer, graph.ErrFormat)
	case b.open[ref]:
		return value{}, fmt.Errorf("keras: layer %q is part of a cycle: %w", ref.layer, graph.ErrFormat)
	}
	b.open[ref] = true
	var v value
	var err error
	if l.class == inputLayer {
		v, err = b.input(l)
	} else {
		if ref.node < 0 || ref.node >= len(l.calls) {
			return value{}, fmt.Errorf("keras: call %d of layer %q, which has %d: %w", ref.node, ref.layer, len(l.calls), graph.ErrFormat)
		}
		in := make([]value, len(l.calls[ref.node].inputs))
		for i, r := range l.calls[ref.node].inputs {
			if in[i], err = b.eval(r); err != nil {
				return value{}, err
			}
		}
		v, err = b.apply(l, in)
	}
	if err == nil {
		b.values[ref] = v
	}
	return v, err
}

// input declares an input of the model.
func (b *builder) input(l *layer) (value, error) {
	raw := l.config.BatchShape
	if len(raw) == 0 {
		raw = l.config.BatchInputShape
	}
	if len(raw) == 0 || string(raw) == "null" {
		return value{}, fmt.Errorf("keras: the model was saved before its input shape was known: %w", graph.ErrUnsupported)
	}
	shape, err := shapeOf(raw)
	if err != nil {
		return value{}, err
	}
	if d, text := dtypeOf(l.config.DType); d != tensor.Float32 {
		b.problems.add("input %q of dtype %s", l.config.Name, text)
	}
	v := value{b.unique(l.config.Name), shape}
	b.model.Graph.Inputs = append(b.model.Graph.Inputs, graph.Value{Name: v.name, DType: tensor.Float32, Shape: shape})
	return v, nil
}

// apply adds the nodes of one call of a layer; the last gives its value the layer's name.
func (b *builder) apply(l *layer, in []value) (value, error) {
	if len(in) == 0 {
		return value{}, fmt.Errorf("keras: layer %q is called without a value: %w", l.config.Name, graph.ErrFormat)
	}
	b.current = l
	before := len(b.model.Graph.Nodes)
	out, err := forms[l.class](b, l, in)
	if err != nil {
		return value{}, fmt.Errorf("keras: layer %q (%s): %w", l.config.Name, l.class, err)
	}
	if nodes := b.model.Graph.Nodes; len(nodes) > before && nodes[len(nodes)-1].Outputs[0] == out.name {
		out.name = b.unique(l.config.Name)
		nodes[len(nodes)-1].Outputs[0] = out.name
	}
	return out, nil
}

// unique gives a name that no value has yet.
func (b *builder) unique(name string) string {
	n := b.names[name]
	b.names[name]++
	if n == 0 {
		return name
	}
	return b.unique(fmt.Sprintf("%s:%d", name, n))
}

// add appends a node and gives the name of its output.
func (b *builder) add(op string, attrs map[string]graph.Attr, inputs ...string) string {
	layer := "output"
	if b.current != nil {
		layer = b.current.config.Name
	}
	if attrs == nil {
		attrs = map[string]graph.Attr{}
	}
	out := b.unique(layer + "/" + op)
	b.model.Graph.Nodes = append(b.model.Graph.Nodes, &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

// constant adds an initializer.
func (b *builder) constant(name string, t *tensor.Tensor) string {
	name = b.unique(b.current.config.Name + "/" + name)
	b.model.Graph.Initializers[name] = t
	return name
}

// scalar adds a constant number, of no dimensions.
func (b *builder) scalar(v float32) string { return b.constant("constant", tensor.Of([]float32{v})) }

// leaky adds a LeakyRelu.
func (b *builder) leaky(x string, slope float32) string {
	return b.add("LeakyRelu", map[string]graph.Attr{"alpha": graph.Float32(slope)}, x)
}

// weight is weight i of the current layer, checked for its shape.
func (b *builder) weight(i int, shape ...int) (*tensor.Tensor, error) {
	l := b.current
	if i >= len(l.weights) {
		return nil, fmt.Errorf("%d weights in the file, expected more: %w", len(l.weights), graph.ErrFormat)
	}
	t := l.weights[i]
	if t.DType != tensor.Float32 {
		return nil, fmt.Errorf("weight %d is %s, expected float32: %w", i, t.DType, graph.ErrUnsupported)
	}
	if fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
		return nil, fmt.Errorf("weight %d has shape %v, expected %v: %w", i, t.Shape, shape, graph.ErrFormat)
	}
	return t, nil
}
