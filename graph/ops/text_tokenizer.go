package ops

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTokenizer cuts every string of [C] or [N, C] into tokens along a new last axis: into characters, at the matches of separators, or into
// the matches of an expression. Tokens of fewer than mincharnum characters are dropped; shorter lists end in pad_value. With mark, STX and
// ETX stand around each list. ONNX Runtime's com.microsoft Tokenizer; expressions are those of package regexp.
var opTokenizer = &Op{
	Name: "tokenizer", Domain: graph.DomainMicrosoft, Type: "Tokenizer", Since: 1,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.String); err != nil {
			return nil, err
		}
		if rank := len(in[0].Shape); rank != 1 && rank != 2 {
			return nil, modelErr(n, "shape %v, expected [C] or [N, C]", in[0].Shape)
		}
		t, err := tokenizerOf(n)
		if err != nil {
			return nil, err
		}
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		most := 0
		for _, s := range in[0].Const.Strings {
			most = max(most, len(t.tokens(s)))
		}
		if most > 0 && t.mark {
			most += 2
		}
		shape := append(append([]int(nil), in[0].Shape...), most)
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: tensor.String, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		t, err := tokenizerOf(n)
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			width := features(out[0].Shape)
			for i, s := range in[0].Strings {
				if !utf8.ValidString(s) {
					return inputErr(name, "element %d is not valid UTF-8", i)
				}
				if width == 0 {
					continue
				}
				row := out[0].Strings[i*width : (i+1)*width]
				for j := range row {
					row[j] = t.pad
				}
				tokens := t.tokens(s)
				if !t.mark {
					copy(row, tokens)
					continue
				}
				row[0], row[len(tokens)+1] = "\x02", "\x03"
				copy(row[1:], tokens)
			}
			return nil
		}), err
	},
}

type tokenizer struct {
	pad        string
	mark       bool
	least      int
	characters bool
	separators []*regexp.Regexp
	token      *regexp.Regexp
}

func tokenizerOf(n *graph.Node) (t tokenizer, err error) {
	if t.pad, err = n.StringAttr("pad_value", ""); err != nil {
		return t, err
	}
	mark, err := n.IntAttr("mark", 0)
	if err != nil {
		return t, err
	}
	least, err := n.IntAttr("mincharnum", 1)
	if err != nil {
		return t, err
	}
	t.mark, t.least = mark != 0, int(min(max(least, 1), 1<<31))
	separators, err := n.StringsAttr("separators")
	if err != nil {
		return t, err
	}
	token, err := n.StringAttr("tokenexp", "")
	if err != nil {
		return t, err
	}
	t.characters = len(separators) == 1 && separators[0] == ""
	switch {
	case t.characters:
		return t, nil
	case len(separators) == 0 && token == "":
		return t, modelErr(n, "it has neither separators nor an expression of tokens")
	case len(separators) == 0:
		separators = []string{token}
	default:
		token = ""
	}
	for _, s := range separators {
		re, err := regexp.Compile(s)
		if err != nil {
			return t, modelErr(n, "expression %q: %v", s, err)
		}
		t.separators = append(t.separators, re)
	}
	if token != "" {
		t.token, t.separators = t.separators[0], nil
	}
	return t, nil
}

// tokens cuts s.
func (t *tokenizer) tokens(s string) []string {
	switch {
	case t.characters:
		if t.least > 1 {
			return nil
		}
		return strings.Split(s, "")
	case t.token != nil:
		return t.longEnough(t.token.FindAllString(s, -1))
	}
	pieces := []string{s}
	for _, sep := range t.separators {
		var next []string
		for _, piece := range pieces {
			next = append(next, t.longEnough(sep.Split(piece, -1))...)
		}
		pieces = next
	}
	return pieces
}

func (t *tokenizer) longEnough(list []string) []string {
	kept := list[:0]
	for _, s := range list {
		if utf8.RuneCountInString(s) >= t.least {
			kept = append(kept, s)
		}
	}
	return kept
}
