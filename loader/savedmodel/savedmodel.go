// Package savedmodel reads TensorFlow SavedModel directories of networks of dense layers: saved_model.pb and the checkpoint in variables/.
// The graph of the serving signature is followed through its functions and becomes ONNX operators; what it has beyond them is named in one
// error.
package savedmodel

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

const (
	modelFile    = "saved_model.pb"
	maxModelSize = 1 << 30
	opset        = 18
	servingTag   = "serve"
)

// Sniff reports whether a directory is a SavedModel.
func Sniff(files fs.FS) bool {
	info, err := fs.Stat(files, modelFile)
	return err == nil && info.Mode().IsRegular()
}

// Read decodes a SavedModel: the signature serving_default, or the only one there is. Inputs and outputs have its names, sorted. Errors wrap
// graph.ErrFormat, ErrUnsupported or ErrLimit.
func Read(files fs.FS) (*graph.Model, error) {
	m, err := read(files)
	if err != nil {
		return nil, fmt.Errorf("savedmodel: %w", err)
	}
	return m, nil
}

func read(files fs.FS) (*graph.Model, error) {
	data, err := readFile(files, modelFile, maxModelSize)
	if err != nil {
		return nil, err
	}
	graphs, err := readSavedModel(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", modelFile, err)
	}
	i := slices.IndexFunc(graphs, func(g *metaGraph) bool { return slices.Contains(g.tags, servingTag) })
	if i < 0 {
		return nil, fmt.Errorf("%s: no graph with the tag %q: %w", modelFile, servingTag, graph.ErrUnsupported)
	}
	g := graphs[i]
	name, s, err := g.serving()
	if err != nil {
		return nil, err
	}
	t := newTranslator(g)
	if t.bundle, err = openBundle(files); err != nil {
		return nil, err
	}
	t.variables = g.assignments()
	t.model.Graph.Name = name
	return t.translate(s)
}

// serving picks the signature to serve.
func (g *metaGraph) serving() (string, *signature, error) {
	names := []string{}
	for name := range maps.Keys(g.signatures) {
		if name != "__saved_model_init_op" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range []string{"serving_default", servingTag} {
		if s := g.signatures[name]; s != nil {
			return name, s, nil
		}
	}
	if len(names) == 1 {
		return names[0], g.signatures[names[0]], nil
	}
	return "", nil, fmt.Errorf("%s: signatures %v, expected serving_default or one alone: %w", modelFile, names, graph.ErrUnsupported)
}

// assignments maps the handle of every variable to its name in the checkpoint, by following what the operator that restores the model
// assigns: in the graph itself, or in a function whose arguments are the handles.
func (g *metaGraph) assignments() map[string]string {
	top := map[string]*node{}
	for _, n := range g.nodes {
		top[n.name] = n
	}
	keys := map[string]string{}
	assigned(top, g.nodes, func(handle string) string { return handle }, keys)
	restore := top[g.restoreOp]
	if restore == nil {
		return keys
	}
	fn := g.functions[restore.attrs["f"].fn]
	if fn != nil {
		handles := map[string]string{}
		for i, arg := range fn.args {
			if i < len(restore.inputs) {
				handles[arg], _ = split(restore.inputs[i])
			}
		}
		assigned(fn.nodes, fn.order, func(arg string) string { return handles[arg] }, keys)
	}
	for _, n := range g.nodes { // a variable that is restored may have been made as a copy of the one that is used
		if n.op != "AssignVariableOp" || len(n.inputs) < 2 {
			continue
		}
		to, _ := split(n.inputs[0])
		from, _ := split(n.inputs[1])
		if read := top[from]; read != nil && read.op == "ReadVariableOp" && len(read.inputs) > 0 && keys[to] != "" {
			if handle, _ := split(read.inputs[0]); keys[handle] == "" {
				keys[handle] = keys[to]
			}
		}
	}
	return keys
}

// assigned adds what AssignVariableOp nodes give to variables of what RestoreV2 reads.
func assigned(byName map[string]*node, nodes []*node, handle func(string) string, keys map[string]string) {
	for _, n := range nodes {
		if n.op != "AssignVariableOp" || len(n.inputs) < 2 {
			continue
		}
		ref := n.inputs[1]
		from, index := split(ref)
		if id := byName[from]; id != nil && id.op == "Identity" && len(id.inputs) > 0 {
			from, index = split(id.inputs[0])
		}
		restore := byName[from]
		if restore == nil || restore.op != "RestoreV2" || len(restore.inputs) < 2 {
			continue
		}
		list, _ := split(restore.inputs[1])
		if names := byName[list]; names != nil && names.attrs["value"].tensor != nil {
			if texts := names.attrs["value"].tensor.Strings; index >= 0 && index < len(texts) {
				arg, _ := split(n.inputs[0])
				if h := handle(arg); h != "" {
					keys[h] = texts[index]
				}
			}
		}
	}
}

// split cuts "name:output:2" and "name:2" into name and index; "^name" is a dependency without a value and has index -1.
func split(ref string) (name string, index int) {
	if strings.HasPrefix(ref, "^") {
		return ref[1:], -1
	}
	name, rest, found := strings.Cut(ref, ":")
	if !found {
		return name, 0
	}
	if _, after, ok := strings.Cut(rest, ":"); ok {
		rest = after
	}
	for _, c := range rest {
		if c < '0' || c > '9' || index > maxNodes {
			return name, -1
		}
		index = 10*index + int(c-'0')
	}
	return name, index
}

// newTranslator starts an empty model.
func newTranslator(g *metaGraph) *translator {
	t := &translator{source: g, top: &scope{nodes: map[string]*node{}, values: map[string][]value{}}}
	for _, n := range g.nodes {
		t.top.nodes[n.name] = n
	}
	t.model = &graph.Model{Opsets: map[string]int64{graph.DomainONNX: opset}, Metadata: map[string]string{}, Producer: "tensorflow"}
	t.model.Graph.Initializers = map[string]*tensor.Tensor{}
	return t
}

// translate follows the outputs of a signature to its inputs.
func (t *translator) translate(s *signature) (*graph.Model, error) {
	g := &t.model.Graph
	for _, key := range slices.Sorted(maps.Keys(s.inputs)) {
		info := s.inputs[key]
		name, _ := split(info.name)
		if info.dtype == tensor.Invalid || info.shape == nil {
			return nil, fmt.Errorf("input %q has no dtype or rank that is known: %w", key, graph.ErrUnsupported)
		}
		g.Inputs = append(g.Inputs, graph.Value{Name: key, DType: info.dtype, Shape: info.shape})
		t.top.values[name] = []value{{name: key, dtype: info.dtype}}
	}
	for _, key := range slices.Sorted(maps.Keys(s.outputs)) {
		v, err := t.eval(t.top, s.outputs[key].name, 0)
		if err != nil {
			return nil, err
		}
		if len(t.problems) > 0 {
			continue
		}
		out := graph.Value{Name: key, DType: s.outputs[key].dtype, Shape: s.outputs[key].shape}
		t.emit(&graph.Node{Op: "Identity", Inputs: []string{t.use(v)}, Outputs: []string{key}})
		g.Outputs = append(g.Outputs, out)
	}
	if len(t.problems) > 0 {
		return nil, fmt.Errorf("%s: %w", strings.Join(t.problems, "; "), graph.ErrUnsupported)
	}
	return t.model, g.Check()
}
