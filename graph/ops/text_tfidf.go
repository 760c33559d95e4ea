package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTfIdfVectorizer counts in every row of tokens the n-grams of a pool: y[r][index of the n-gram] is their number (TF), the n-gram's
// weight where there is one (IDF), or weight times number (TFIDF). The tokens of an n-gram lie 1 to max_skip_count+1 apart; single tokens
// count once.
var opTfIdfVectorizer = &Op{
	Name: "tfidf_vectorizer", Type: "TfIdfVectorizer", Since: 9, Rows: rowsFeature,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.String, tensor.Int32, tensor.Int64); err != nil {
			return nil, err
		}
		if rank := len(in[0].Shape); rank > 2 {
			return nil, modelErr(n, "shape %v, expected [C] or [N, C]", in[0].Shape)
		}
		indexes, err := n.IntsAttr("ngram_indexes")
		if err != nil {
			return nil, err
		}
		width := int64(0)
		for _, i := range indexes {
			if i < 0 || i >= math.MaxInt32 {
				return nil, modelErr(n, "n-gram index %d", i)
			}
			width = max(width, i+1)
		}
		shape := []int{int(width)}
		if len(in[0].Shape) == 2 {
			shape = []int{in[0].Shape[0], int(width)}
		}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		return newTfIdf(n, in[0].DType)
	},
}

type tfIdf struct {
	words     map[string]int32 // tokens of the pool by their number
	numbers   map[int64]int32
	next      map[ngramStep]int32 // a tree of n-grams: the node behind a node and a token; 0 is the root
	ends      []int32             // by node: the index of the n-gram that ends there, or −1
	weights   []ngramWeight
	low, high int
	maxSkip   int
	once      bool // IDF
}

type ngramStep struct{ node, token int32 }

type ngramWeight struct {
	index  int32
	weight float32
}

func newTfIdf(n *graph.Node, d tensor.DType) (*tfIdf, error) {
	k := &tfIdf{next: map[ngramStep]int32{}, ends: []int32{-1}}
	var low, high, skip int64
	for name, to := range map[string]*int64{"min_gram_length": &low, "max_gram_length": &high, "max_skip_count": &skip} {
		var err error
		if *to, err = n.IntAttr(name, 0); err != nil {
			return nil, err
		}
	}
	starts, err := n.IntsAttr("ngram_counts")
	if err != nil {
		return nil, err
	}
	if low < 1 || high < low || high > int64(len(starts)) || skip < 0 {
		return nil, modelErr(n, "n-grams of %d to %d tokens with skips to %d from a pool for up to %d", low, high, skip, len(starts))
	}
	k.low, k.high, k.maxSkip = int(low), int(high), int(min(skip, math.MaxInt32))
	mode, err := n.StringAttr("mode", "")
	if err != nil {
		return nil, err
	}
	if mode != "TF" && mode != "IDF" && mode != "TFIDF" {
		return nil, modelErr(n, "attribute \"mode\" is %q, expected TF, IDF or TFIDF", mode)
	}
	k.once = mode == "IDF"
	weights, err := n.FloatsAttr("weights")
	if err != nil {
		return nil, err
	}
	indexes, err := n.IntsAttr("ngram_indexes")
	if err != nil {
		return nil, err
	}
	if len(weights) != 0 && len(weights) != len(indexes) {
		return nil, modelErr(n, "%d weights for %d n-grams", len(weights), len(indexes))
	}
	if mode == "TF" {
		weights = nil
	}
	pool, err := k.tokens(n, d)
	if err != nil {
		return nil, err
	}
	return k, k.grow(n, pool, starts, indexes, weights)
}

// tokens numbers the tokens of the pool.
func (k *tfIdf) tokens(n *graph.Node, d tensor.DType) ([]int32, error) {
	if d == tensor.String {
		pool, err := n.StringsAttr("pool_strings")
		k.words = map[string]int32{}
		return numberTokens(k.words, pool), err
	}
	pool, err := n.IntsAttr("pool_int64s")
	k.numbers = map[int64]int32{}
	return numberTokens(k.numbers, pool), err
}

func numberTokens[T comparable](known map[T]int32, pool []T) []int32 {
	out := make([]int32, len(pool))
	for i, token := range pool {
		id, ok := known[token]
		if !ok {
			id = int32(len(known))
			known[token] = id
		}
		out[i] = id
	}
	return out
}

// grow makes the tree of the n-grams in the pool, which holds those of one token first, then those of two, and so on.
func (k *tfIdf) grow(n *graph.Node, pool []int32, starts, indexes []int64, weights []float32) error {
	id, weighted := 0, map[int64]bool{}
	for i, start := range starts {
		size, end := i+1, int64(len(pool))
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if start < 0 || end < start || end > int64(len(pool)) || (end-start)%int64(size) != 0 {
			return modelErr(n, "tokens %d to %d of a pool of %d are not n-grams of %d", start, end, len(pool), size)
		}
		for at := start; at < end; at += int64(size) {
			if id >= len(indexes) {
				return modelErr(n, "%d n-gram indexes, expected one for each n-gram", len(indexes))
			}
			if size >= k.low && size <= k.high {
				k.ends[k.path(pool[at:at+int64(size)])] = int32(indexes[id])
				if len(weights) > 0 && !weighted[indexes[id]] {
					weighted[indexes[id]] = true
					k.weights = append(k.weights, ngramWeight{int32(indexes[id]), weights[id]})
				}
			}
			id++
		}
	}
	return nil
}

// path finds or makes the node of an n-gram.
func (k *tfIdf) path(tokens []int32) int32 {
	node := int32(0)
	for _, token := range tokens {
		step := ngramStep{node, token}
		to, ok := k.next[step]
		if !ok {
			to = int32(len(k.ends))
			k.next[step] = to
			k.ends = append(k.ends, -1)
		}
		node = to
	}
	return node
}

// ScratchBytes implements graph.ScratchKernel: the numbers of one row's tokens.
func (k *tfIdf) ScratchBytes(args []graph.Arg) int { return 4 * features(args[0].Shape) }

// Run implements graph.Kernel.
func (k *tfIdf) Run(in, out []*tensor.Tensor, scratch []byte) error {
	dst := tensor.Data[float32](out[0])
	clear(dst)
	cols, width := features(in[0].Shape), features(out[0].Shape)
	if in[0].Len() == 0 || width == 0 {
		return nil
	}
	ids := words[int32](scratch)[:cols]
	for r := range len(dst) / width {
		for i := range ids {
			ids[i] = k.token(in[0], r*cols+i)
		}
		row := dst[r*width : (r+1)*width]
		k.count(row, ids)
		for _, w := range k.weights {
			row[w.index] *= w.weight
		}
	}
	return nil
}

// token is the number of element i, −1 where the pool does not have it.
func (k *tfIdf) token(x *tensor.Tensor, i int) int32 {
	id, ok := int32(0), false
	switch x.DType {
	case tensor.String:
		id, ok = k.words[x.Strings[i]]
	case tensor.Int64:
		id, ok = k.numbers[tensor.Data[int64](x)[i]]
	default:
		id, ok = k.numbers[int64(tensor.Data[int32](x)[i])]
	}
	if !ok {
		return -1
	}
	return id
}

func (k *tfIdf) count(dst []float32, ids []int32) {
	if k.low == 1 {
		for i := range ids {
			k.walk(dst, ids[i:i+1], 1, 1)
		}
		if k.high == 1 {
			return
		}
	}
	low := max(2, k.low)
	for distance := 1; distance <= min(k.maxSkip+1, len(ids)); distance++ {
		for i := range ids {
			k.walk(dst, ids[i:], distance, low)
		}
	}
}

// walk follows the tokens that lie distance apart and counts the n-grams of low tokens and more on the way.
func (k *tfIdf) walk(dst []float32, ids []int32, distance, low int) {
	node := int32(0)
	for size, at := 1, 0; size <= k.high && at < len(ids); size, at = size+1, at+distance {
		to, ok := k.next[ngramStep{node, ids[at]}]
		if !ok {
			return
		}
		node = to
		switch index := k.ends[node]; {
		case size < low || index < 0:
		case k.once:
			dst[index] = 1
		default:
			dst[index]++
		}
	}
}
