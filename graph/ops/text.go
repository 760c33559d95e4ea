package ops

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opStringConcat joins the elements of two tensors, with NumPy broadcasting.
var opStringConcat = &Op{
	Name: "string_concat", Type: "StringConcat", Since: 20, MinInputs: 2, RowAxes: rowsElementwise,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		for i := range in {
			if err := wantDType(n, in, i, tensor.String); err != nil {
				return nil, err
			}
		}
		shape, err := broadcastShape(n, in[0].Shape, in[1].Shape)
		return []graph.Arg{{DType: tensor.String, Shape: shape}}, err
	},
	Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
		run := eachPair(func(a, b string) string { return a + b })
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			broadcastRuns(out[0].Strings, in[0].Strings, in[1].Strings, out[0].Shape, in[0].Shape, in[1].Shape, run)
			return nil
		}), nil
	},
}

// opRegexFullMatch says which elements match an RE2 pattern from their first to their last character.
var opRegexFullMatch = &Op{
	Name: "regex_full_match", Type: "RegexFullMatch", Since: 20, RowAxes: rowsElementwise,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.String); err != nil {
			return nil, err
		}
		if _, err := fullPattern(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Bool, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		re, err := fullPattern(n)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			dst := tensor.Data[bool](out[0])
			for i, s := range in[0].Strings {
				dst[i] = re.MatchString(s)
			}
			return nil
		}), err
	},
}

// fullPattern compiles the pattern, whose syntax and limits are those of package regexp: its time is linear in the text.
func fullPattern(n *graph.Node) (*regexp.Regexp, error) {
	pattern, err := n.StringAttr("pattern", "")
	if err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(pattern); err != nil { // alone, so that it cannot close the group around it
		return nil, modelErr(n, "attribute \"pattern\": %v", err)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, modelErr(n, "attribute \"pattern\": %v", err)
	}
	return re, nil
}

// opStringSplit cuts every element at a delimiter, or at runs of white space where it is empty. The pieces lie along a new last axis,
// which is as long as the longest list needs; shorter ones end in empty strings. The second output is the number of pieces.
var opStringSplit = &Op{
	Name: "string_split", Type: "StringSplit", Since: 20,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.String); err != nil {
			return nil, err
		}
		s, err := splitterOf(n)
		if err != nil {
			return nil, err
		}
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		longest := 0
		for _, text := range in[0].Const.Strings {
			longest = max(longest, s.split(text, nil))
		}
		shape := append(append([]int(nil), in[0].Shape...), longest)
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: tensor.String, Shape: shape}, {DType: tensor.Int64, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		s, err := splitterOf(n)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			width := features(out[0].Shape)
			clear(out[0].Strings)
			for i, text := range in[0].Strings {
				pieces := s.split(text, out[0].Strings[i*width:(i+1)*width])
				if len(out) > 1 {
					tensor.Data[int64](out[1])[i] = int64(pieces)
				}
			}
			return nil
		}), err
	},
}

type splitter struct {
	delimiter string
	most      int // pieces; 0: any number
}

func splitterOf(n *graph.Node) (s splitter, err error) {
	if s.delimiter, err = n.StringAttr("delimiter", ""); err != nil {
		return s, err
	}
	cuts, err := n.IntAttr("maxsplit", -1)
	if cuts >= 0 && cuts < 1<<31 {
		s.most = int(cuts) + 1
	}
	return s, err
}

// split counts the pieces of text and writes as many as fit in dst. Without a delimiter, leading and trailing white space is not part
// of any piece, and there is none in an empty text.
func (s *splitter) split(text string, dst []string) int {
	space := s.delimiter == ""
	count := 0
	if space {
		text = strings.TrimSpace(text)
		if text == "" {
			return 0
		}
	} else if text == "" {
		return 0
	}
	for {
		at, next := -1, 0
		if count+1 != s.most {
			if space {
				if at = strings.IndexFunc(text, unicode.IsSpace); at >= 0 {
					next = len(text) - len(strings.TrimSpace(text[at:]))
				}
			} else if at = strings.Index(text, s.delimiter); at >= 0 {
				next = at + len(s.delimiter)
			}
		}
		piece := text
		if at >= 0 {
			piece = text[:at]
		}
		if count < len(dst) {
			dst[count] = piece
		}
		count++
		if at < 0 {
			return count
		}
		text = text[next:]
	}
}
