package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// textLine is a vector of strings.
func textLine(v ...string) *tensor.Tensor { return tensor.OfStrings(v, len(v)) }

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
	{op: "StringConcat", in: ts(textLine("a", "b"), textLine("c")), want: ts(textLine("ac", "bc"))},
	{op: "StringConcat", in: ts(textLine("a", "b"), text("c", "")), want: ts(tensor.OfStrings([]string{"ac", "bc", "a", "b"}, 2, 2))},
	{name: "numbers", op: "StringConcat", in: ts(textLine("a"), vec(1)), wantErr: graph.ErrUnsupported},
	{op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a|ab")), in: ts(text("a", "ab", "abc", "")), want: ts(tensor.Of([]bool{true, true, false, false}, 4, 1))},
	{name: "line", op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a.*")), in: ts(textLine("a\nb", "ab")), want: ts(list(false, true))},
	{name: "not a pattern", op: "RegexFullMatch", attrs: attrs("pattern", graph.Str("a)(b")), in: ts(textLine("a")), wantErr: graph.ErrModel},
	{name: "space", op: "StringSplit", consts: []int{0}, in: ts(textLine(" a \t b", "", "c")), want: ts(tensor.OfStrings([]string{"a", "b", "", "", "c", ""}, 3, 2), list[int64](2, 0, 1))},
	{name: "delimiter", op: "StringSplit", attrs: attrs("delimiter", graph.Str("--")), consts: []int{0}, in: ts(textLine("a----b--", "c")), want: ts(tensor.OfStrings([]string{"a", "", "b", "", "c", "", "", ""}, 2, 4), list[int64](4, 1))},
	{name: "most", op: "StringSplit", attrs: attrs("maxsplit", graph.Int(1)), consts: []int{0}, in: ts(textLine("a  b c ")), want: ts(tensor.OfStrings([]string{"a", "b c"}, 1, 2), list[int64](2))},
	{name: "nothing", op: "StringSplit", consts: []int{0}, in: ts(tensor.OfStrings(nil, 0)), want: ts(tensor.OfStrings(nil, 0, 0), list[int64]())},
	{name: "unknown", op: "StringSplit", in: ts(textLine("a")), wantErr: graph.ErrNeedsValue},
	{name: "stop words", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("Monday"), "case_change_action", graph.Str("UPPER")), in: ts(textLine("monday", "tuesday", "ß")), want: ts(textLine("TUESDAY", "ß"))},
	{name: "case counts", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("Monday"), "is_case_sensitive", graph.Int(1)), in: ts(textLine("monday", "Monday")), want: ts(textLine("monday"))},
	{name: "kept as it is", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("É")), in: ts(tensor.OfStrings([]string{"é", "A"}, 1, 2)), want: ts(tensor.OfStrings([]string{"A"}, 1, 1))},
	{name: "nothing left", op: "StringNormalizer", consts: []int{0}, attrs: attrs("stopwords", strs("a")), in: ts(textLine("a", "A")), want: ts(textLine(""))},
	{name: "no stop words", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER")), in: ts(textLine("ÉCOLE", "I")), want: ts(textLine("école", "i"))},
	{name: "Turkish", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER"), "locale", graph.Str("tr_TR")), in: ts(textLine("Iİ")), want: ts(textLine("ıi"))},
	{name: "rows", op: "StringNormalizer", in: ts(text("a", "b")), wantErr: graph.ErrModel},
	{name: "not UTF-8", op: "StringNormalizer", attrs: attrs("case_change_action", graph.Str("LOWER")), in: ts(textLine("\xff")), wantErr: graph.ErrInput},
	{name: "pairs", op: "TfIdfVectorizer", attrs: ngrams("TF", 2, 2, 0), in: ts(tensor.Of([]int32{1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8}, 2, 6)), want: ts(f32([]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 2, 7))},
	{name: "skips", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 5), in: ts(list[int64](1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8)), want: ts(vec(0, 3, 1, 0, 1, 3, 1))},
	{name: "skips beyond the row", op: "TfIdfVectorizer", attrs: ngrams("IDF", 1, 2, 1<<40), in: ts(list[int64](3, 5, 5, 9)), want: ts(vec(0, 1, 1, 0, 0, 0, 0))},
	{name: "weights", op: "TfIdfVectorizer", attrs: attrs("mode", graph.Str("TFIDF"), "min_gram_length", graph.Int(1), "max_gram_length", graph.Int(1), "ngram_counts", graph.Ints(0),
		"ngram_indexes", graph.Ints(0, 4, 1), "pool_strings", strs("a", "b", "c"), "weights", graph.Floats([]float32{1, 10, 100})), in: ts(tensor.OfStrings([]string{"a", "b", "c", "b"}, 1, 4)), want: ts(f32([]float32{1, 100, 0, 0, 20}, 1, 5))},
	{name: "half a pair", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 0, "ngram_counts", graph.Ints(0, 5)), in: ts(list[int64](1)), wantErr: graph.ErrModel},
	{name: "fewer indexes", op: "TfIdfVectorizer", attrs: ngrams("TF", 1, 2, 0, "ngram_indexes", graph.Ints(0)), in: ts(list[int64](1)), wantErr: graph.ErrModel},
	{name: "expression", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("tokenexp", graph.Str("[a-z]+"), "mincharnum", graph.Int(2), "pad_value", graph.Str("#")), in: ts(textLine("ab c de", "")), want: ts(tensor.OfStrings([]string{"ab", "de", "#", "#"}, 2, 2))},
	{name: "separators", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs(" ", ",+"), "mark", graph.Int(1)), in: ts(text("a b,,c", "d")), want: ts(tensor.OfStrings([]string{"\x02", "a", "b", "c", "\x03", "\x02", "d", "\x03", "", ""}, 2, 1, 5))},
	{name: "characters", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs("")), in: ts(textLine("aé")), want: ts(tensor.OfStrings([]string{"a", "é"}, 1, 2))},
	{name: "nothing", domain: graph.DomainMicrosoft, op: "Tokenizer", consts: []int{0}, attrs: attrs("separators", strs("a+"), "mark", graph.Int(1)), in: ts(textLine("aa")), want: ts(tensor.OfStrings(nil, 1, 0))},
	{name: "no expression", domain: graph.DomainMicrosoft, op: "Tokenizer", in: ts(textLine("a")), wantErr: graph.ErrModel},
}
