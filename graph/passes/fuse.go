package passes

import "github.com/hotpath/hotpath/graph"

// Fuse replaces patterns by operators that only plans know: attention, integer products, products with packed weights, and products with
// epilogues. m must have gone through Standard and is changed.
func Fuse(m *graph.Model) error {
	g := &m.Graph
	sinkConstants(g)
	var err error
	var owned *graph.Graph
	if m.Owned {
		owned = g
	}
	eachBody(g, func(body *graph.Graph) {
		if err == nil && body != g {
			err = simplify(body, true) // with the constants that it has now
		}
		if err == nil {
			err = fuse(body, body != g, owned)
		}
	})
	if err != nil {
		return err
	}
	return g.Sort()
}

// fuse rewrites g, the graph owned or one of its bodies; nil: the memory of constants is others' too.
func fuse(g *graph.Graph, lenient bool, owned *graph.Graph) error {
	fuseGelu(g)
	dropUnused(g)
	if err := fuseOneHot(g); err != nil {
		return err
	}
	fuseNorms(g)
	fuseAttention(g)
	fuseInt8(g)
	fuseQuantized(g)
	layoutInt8(g)
	fuseWeights(g)
	dropUnused(g)
	// Quantised weights that no integer kernel took are dequantised now, once.
	if err := foldConstants(g, nil, lenient); err != nil {
		return err
	}
	rowConvolutions(g)
	fuseSlices(g)
	fuseConvBias(g)
	fuseSwish(g)
	fuseHardSwish(g)
	fuseEpilogues(g)
	fuseAddNorms(g)
	foldScales(g, owned)
	fuseAffine(g)
	liftSubnormals(g)
	mergeEqual(g)
	dropUnused(g)
	return nil
}
