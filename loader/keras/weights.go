package keras

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/hdf5"
)

// layerWeights gives the weights of a layer in the order Keras keeps them: kernel, bias; gamma, beta, moving mean, moving variance. It is
// asked for the layers in the order of the model.
type layerWeights func(layer, class string) ([]*tensor.Tensor, error)

// archiveWeights finds weights in a model.weights.h5: layers/GROUP/vars/0… The group is called after the class and a count, and says the
// name of the layer in an attribute of vars.
func archiveWeights(root *hdf5.Object) (layerWeights, error) {
	layers, err := root.Open("layers")
	if err != nil {
		return nil, err
	}
	groups, _, err := layers.Children()
	if err != nil {
		return nil, err
	}
	byLayer := map[string]*hdf5.Object{}
	for _, g := range groups {
		group, err := layers.Open(g)
		if err != nil {
			return nil, err
		}
		vars, err := group.Open("vars")
		if err != nil {
			continue // a container of other things
		}
		name, ok, err := textAttr(vars, "name")
		if err != nil {
			return nil, err
		}
		if !ok {
			name = g
		}
		if byLayer[name] != nil {
			return nil, fmt.Errorf("two groups of layer %q: %w", name, graph.ErrFormat)
		}
		byLayer[name] = vars
	}
	counts := map[string]int{}
	return func(layer, class string) ([]*tensor.Tensor, error) {
		group := snakeCase(class)
		if n := counts[group]; n > 0 {
			group += "_" + strconv.Itoa(n)
		}
		counts[snakeCase(class)]++
		vars := byLayer[layer]
		if vars == nil {
			vars = byLayer[group] // files without the attribute
		}
		if vars == nil {
			return nil, errNoWeights
		}
		_, links, err := vars.Children()
		if err != nil {
			return nil, err
		}
		names := make([]string, len(links))
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return readAll(vars, names)
	}, nil
}

// snakeCase spells a class as Keras names its groups: "LeakyReLU" is leaky_re_lu.
func snakeCase(class string) string {
	var b strings.Builder
	upper := func(i int) bool { return i >= 0 && i < len(class) && class[i] >= 'A' && class[i] <= 'Z' }
	for i := range len(class) {
		if upper(i) && i > 0 && (!upper(i-1) || i+1 < len(class) && !upper(i+1)) {
			b.WriteByte('_')
		}
		b.WriteByte(class[i])
	}
	return strings.ToLower(b.String())
}

// h5Weights finds weights in a whole-model .h5: model_weights/LAYER with the paths of its datasets in weight_names.
func h5Weights(root *hdf5.Object) (layerWeights, error) {
	group, err := root.Open("model_weights")
	if err != nil {
		return nil, err
	}
	return func(layer, _ string) ([]*tensor.Tensor, error) {
		g, err := group.Open(layer)
		if err != nil {
			return nil, errNoWeights
		}
		names, ok, err := g.Attr("weight_names")
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("%q has no attribute weight_names: %w", g.Path, graph.ErrFormat)
		}
		return readAll(g, names.Strings)
	}, nil
}

// readAll reads datasets by their paths below o.
func readAll(o *hdf5.Object, paths []string) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(paths))
	for i, path := range paths {
		d, err := o.Open(strings.Split(path, "/")...)
		if err != nil {
			return nil, err
		}
		if out[i], err = d.Read(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
