package server

import (
	"reflect"
	"strings"
	"testing"
)

func TestTextProto(t *testing.T) {
	good := map[string]message{
		"":                            {},
		"# nothing\n":                 {},
		"a: 1":                        {"a": {"1"}},
		"a: -1.5e+3, b: true; c: X_Y": {"a": {"-1.5e+3"}, "b": {"true"}, "c": {"X_Y"}},
		`s: "x" 'y' # z`:              {"s": {"xy"}},
		`s: "a\"\n\\" t: 'it\'s "q"'`: {"s": {"a\"\n\\"}, "t": {`it's "q"`}},
		"m { a: 1 } m: < b: 2 >":      {"m": {message{"a": {"1"}}, message{"b": {"2"}}}},
		"l: [1, 2] l: 3 k: []":        {"l": {"1", "2", "3"}},
		"m [{a: 1}, {}]":              {"m": {message{"a": {"1"}}, message{}}},
	}
	for text, want := range good {
		if got, err := parseText([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"a", "a:", "a 1", "{", "}", "a {", "a: }", "a: [1", "a: \"x", "a: \"x\n\"", "a: '\\", "a: \"\\q\"", "a: 1 }", "m { a: 1 >", "a:: 1", ": 1",
		"a: \x00", strings.Repeat("a {", 100), "a: [" + strings.Repeat("{a:[", 100)} {
		if got, err := parseText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzTextProto reads anything: an error or a message, in time that grows with the text alone.
func FuzzTextProto(f *testing.F) {
	f.Add([]byte("name: \"m\" # x\ninput [ { name: 'a' dims: [1, -1] } ]\nversion_policy: { latest { num_versions: 2 } }"))
	f.Add([]byte(strings.Repeat("a <", 40)))
	f.Add([]byte("a: \"\\377\\u00e4\" 'b'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseTriton(data, "m"); err == nil && c.settings.MaxRows < 0 {
			t.Error(c)
		}
	})
}
