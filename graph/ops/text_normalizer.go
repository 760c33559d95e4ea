package ops

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opStringNormalizer drops the stop words of a list [C] or [1, C] and changes the case of the rest; of a list without any rest one empty
// string stays. Case changes one character at a time, as C's towupper does, by Unicode's tables and, in Turkish and Azerbaijani locales,
// with their dotless i.
var opStringNormalizer = &Op{
	Name: "string_normalizer", Type: "StringNormalizer", Since: 10,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.String); err != nil {
			return nil, err
		}
		shape := in[0].Shape
		if len(shape) != 1 && (len(shape) != 2 || shape[0] != 1) {
			return nil, modelErr(n, "shape %v, expected [C] or [1, C]", shape)
		}
		s, err := normalizerOf(n)
		if err != nil {
			return nil, err
		}
		kept := features(shape)
		if len(s.stop) > 0 {
			if !hasConst(in, 0) {
				return nil, needsValue(n, 0)
			}
			kept = 0
			for _, word := range in[0].Const.Strings {
				if s.keeps(word) {
					kept++
				}
			}
		}
		shape = append([]int(nil), shape...)
		shape[len(shape)-1] = max(1, kept)
		return []graph.Arg{{DType: tensor.String, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		s, err := normalizerOf(n)
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			dst, at := out[0].Strings, 0
			for i, word := range in[0].Strings {
				if s.change != nil && !utf8.ValidString(word) {
					return inputErr(name, "element %d is not valid UTF-8", i)
				}
				if s.keeps(word) {
					dst[at] = s.cased(word)
					at++
				}
			}
			if at == 0 {
				dst[0] = ""
			}
			return nil
		}), err
	},
}

type normalizer struct {
	stop    map[string]bool
	compare func(rune) rune // applied to words before they are looked up; nil where case counts
	change  func(rune) rune // applied to the output; nil: none
}

func (s *normalizer) keeps(word string) bool {
	if len(s.stop) == 0 {
		return true
	}
	if s.compare != nil {
		word = strings.Map(s.compare, word)
	}
	return !s.stop[word]
}

func (s *normalizer) cased(word string) string {
	if s.change == nil {
		return word
	}
	return strings.Map(s.change, word)
}

func normalizerOf(n *graph.Node) (s normalizer, err error) {
	words, err := n.StringsAttr("stopwords")
	if err != nil {
		return s, err
	}
	sensitive, err := n.IntAttr("is_case_sensitive", 0)
	if err != nil {
		return s, err
	}
	locale, err := n.StringAttr("locale", "")
	if err != nil {
		return s, err
	}
	upper, lower := unicode.ToUpper, unicode.ToLower
	if strings.HasPrefix(locale, "tr") || strings.HasPrefix(locale, "az") {
		upper, lower = unicode.TurkishCase.ToUpper, unicode.TurkishCase.ToLower
	}
	switch action, err := n.StringAttr("case_change_action", "NONE"); {
	case err != nil:
		return s, err
	case action == "UPPER":
		s.change = upper
	case action == "LOWER":
		s.change = lower
	case action != "NONE":
		return s, modelErr(n, "attribute \"case_change_action\" is %q, expected LOWER, UPPER or NONE", action)
	}
	if sensitive == 0 {
		if s.compare = s.change; s.compare == nil {
			s.compare = lower
		}
	}
	s.stop = make(map[string]bool, len(words))
	for _, word := range words {
		if s.compare != nil {
			word = strings.Map(s.compare, word)
		}
		s.stop[word] = true
	}
	return s, nil
}
