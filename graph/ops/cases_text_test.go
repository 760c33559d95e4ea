package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// words is a vector of strings.
func words(v ...string) *tensor.Tensor { return tensor.OfStrings(v, len(v)) }

func strs(v ...string) graph.Attr { return graph.Strs(v) }

// ngrams is the pool of the public cases: single tokens, then pairs, each at its own index.
func ngrams(mode string, low, high, skip int64, more ...any) map[string]graph.Attr {
	a := attrs("mode", graph.Str(mode), "min_gram_length", graph.Int(low), "max_gram_length", graph.Int(high), "max_skip_count", graph.Int(skip),
		"ngram_counts", graph.Ints(0, 4), "ngram_indexes", graph.Ints(0, 1, 2, 3, 4, 5, 6), "pool_int64s", graph.Ints(2, 3, 5, 4, 5, 6, 7, 8, 6, 7))
	for i := 0; i < len(more); i += 2 {
		a[more[i].(string)] = more[i+1].(graph.Attr)
	}
	return a
}

// textCases: operators on strings.
var textCases = []opCase{
	{op: "StringConcat", in: ts(words("a", "b"), words("c")), want: ts(words("ac", "bc"))},
	{op: "StringConcat", in: ts(words("a", "b"), text("c", "")), want: ts(tensor.OfStrings([]string{"ac", "bc", "a", "b"}, 2, 2))},
	{name: "numbers", op: "StringConcat", in: ts(words("a"), vec(1)), wantErr: graph.ErrUnsupported},
	{op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a|ab")), in: ts(text("a", "ab", "abc", "")), want: ts(tensor.Of([]bool{true, true, false, false}, 4, 1))},
	{name: "line", op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a.*")), in: ts(words("a\nb", "ab")), want: ts(list(false, true))},
	{name: "not a pattern", op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a)(b")), in: ts(words("a")), wantErr: graph.ErrModel},
	{name: "space", op: "StringSplit", consts: []int{0}, in: ts(words(" a \t b", "", "c")), want: ts(tensor.OfStrings([]string{"a", "b", "", "", "c", ""}, 3, 2), list[int64](2, 0, 1))},
	{name: "delimiter", op: "StringSplit", attrs: attrs("delimiter", graph.Str("--")), consts: []int{0}, in: ts(words("a----b--", "c")), want: ts(tensor.OfStrings([]string{"a", "", "b", "", "c", "", "", ""}, 2, 4), list[int64](4, 1))},
	{name: "most", op: "StringSplit", attrs: attrs("maxsplit", graph.Int(1)), consts: []int{0}, in: ts(words("a  b c ")), want: ts(tensor.OfStrings([]string{"a", "b c"}, 1, 2), list[int64](2))},
	{name: "nothing", op: "StringSplit", consts: []int{0}, in: ts(tensor.OfStrings(nil, 0)), want: ts(tensor.OfStrings(nil, 0, 0), list[int64]())},
	{name: "unknown", op: "StringSplit", in: ts(words("a")), wantErr: graph.ErrNeedsValue},
	{name: "stop words", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("Monday"), "case_change_action", graph.Str("UPPER")), in: ts(words("monday", "tuesday", "ß")), want: ts(words("TUESDAY", "ß"))},
	{name: "case counts", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("Monday"), "is_case_sensitive", graph.Int(1)), in: ts(words("monday", "Monday")), want: ts(words("monday"))},
	{name: "kept as it is", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("É")), in: ts(tensor.OfStrings([]string{"é", "A"}, 1, 2)), want: ts(tensor.OfStrings([]string{"A"}, 1, 1))},
	{name: "nothing left", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("a")), in: ts(words("a", "A")), want: ts(words(""))},
	{name: "no stop words", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER")), in: ts(words("ÉCOLE", "I")), want: ts(words("école", "i"))},
	{name: "Turkish", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER"), "locale", graph.Str("tr_TR")), in: ts(words("Iİ")), want: ts(words("ıi"))},
	{name: "rows", op: "StringNormalizer", in: ts(text("a", "b")), wantErr: graph.ErrModel},
	{name: "not UTF-8", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER")), in: ts(words("\xff")), wantErr: graph.ErrInput},
	{name: "pairs", op: "TfIdfVectorizer", attrs: ngrams("TF", 2, 2, 0), in: ts(tensor.Of([]int32{1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8}, 2, 6)), want: ts(f32([]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 2, 7))},
	{name: "skips", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 5), in: ts(list[int64](1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8)), want: ts(vec(0, 3, 1, 0, 1, 3, 1))},
	{name: "skips beyond the row", op: "TfIdfVectorizer", attrs: ngrams("IDF", 1, 2, 1<<40), in: ts(list[int64](3, 5, 5, 9)), want: ts(vec(0, 1, 1, 0, 0, 0, 0))},
	{name: "weights", op: "TfIdfVectorizer", attrs: attrs("mode", graph.Str("TFIDF"), "min_gram_length", graph.Int(1), "max_gram_length", graph.Int(1), "ngram_counts", graph.Ints(0),
		"ngram_indexes", graph.Ints(0, 4, 1), "pool_strings", strs("a", "b", "c"), "weights", graph.Floats([]float32{1, 10, 100})), in: ts(tensor.OfStrings([]string{"a", "b", "c", "b"}, 1, 4)), want: ts(f32([]float32{1, 100, 0, 0, 20}, 1, 5))},
	{name: "half a pair", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 0, "ngram_counts", graph.Ints(0, 5)), in: ts(list[int64](1)), wantErr: graph.ErrModel},
	{name: "fewer indexes", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 0, "ngram_indexes", graph.Ints(0)), in: ts(list[int64](1)), wantErr: graph.ErrModel},
	{name: "expression", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("tokenexp", graph.Str("[a-z]+"), "mincharnum", graph.Int(2), "pad_value", graph.Str("#")), in: ts(words("ab c de", "")), want: ts(tensor.OfStrings([]string{"ab", "de", "#", "#"}, 2, 2))},
	{name: "separators", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs(" ", ",+"), "mark", graph.Int(1)), in: ts(text("a b,,c", "d")), want: ts(tensor.OfStrings([]string{"\x02", "a", "b", "c", "\x03", "\x02", "d", "\x03", "", ""}, 2, 1, 5))},
	{name: "characters", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs("")), in: ts(words("aé")), want: ts(tensor.OfStrings([]string{"a", "é"}, 1, 2))},
	{name: "nothing", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs("a+"), "mark", graph.Int(1)), in: ts(words("aa")), want: ts(tensor.OfStrings(nil, 1, 0))},
	{name: "no expression", domain: graph.DomainMicrosoft, op: "Tokenizer", in: ts(words("a")), wantErr: graph.ErrModel},
	{name: "text", op: "Where", in: ts(list(true, false), words("a", "b"), words("c")), want: ts(words("a", "c"))},
	{name: "text", op: "Gather", in: ts(words("a", "b"), list[int64](-1, 0, 1)), want: ts(words("b", "a", "b"))},
	{name: "text", op: "Transpose", in: ts(tensor.OfStrings([]string{"a", "b"}, 1, 2)), want: ts(text("a", "b"))},
	{name: "text", op: "Slice", consts: []int{1, 2}, in: ts(words("a", "b", "c"), list[int64](1), list[int64](3)), want: ts(words("b", "c"))},
	{name: "text", op: "Pad", consts: []int{1}, in: ts(words("a"), list[int64](1, 1)), want: ts(words("", "a", ""))},
	{name: "text", op: "ScatterND", in: ts(words("a", "b"), tensor.Of([]int64{1}, 1, 1), words("z")), want: ts(words("a", "z"))},
	{name: "text", op: "Split", consts: []int{1}, in: ts(words("a", "b"), list[int64](1, 1)), want: ts(words("a"), words("b"))},
}
