// Package jsontensor reads JSON arrays straight into tensors and writes tensors as JSON. It is shared by the wire
// formats that carry JSON and knows none of them.
//
// The decoder is strict (RFC 8259 plus: no duplicate keys, no unknown keys, case-sensitive keys, no byte-order mark,
// nothing behind the value) and typed: the Signature says what every position must be, so nothing is decoded into
// interfaces, depth is bounded by the rank of the model's inputs, and memory by the bytes that really arrived. In
// steady state it allocates nothing.
package jsontensor

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
)

// Error says which field of a request body is wrong and why. It wraps graph.ErrInput.
type Error struct {
	Field  string // "input_data[0][3]", "" for the body as a whole
	Reason string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return "body: " + e.Reason
	}
	return e.Field + ": " + e.Reason
}

// Unwrap is the class of the error.
func (e *Error) Unwrap() error { return graph.ErrInput }

// Options are the differences between the wire formats.
type Options struct {
	NonFinite bool // NaN, Infinity and -Infinity are numbers
	Base64    bool // {"b64": "…"} is a string
}

// maxSteps is the deepest path into a body: root key, row, key, then the axes of a tensor.
const maxSteps = 4 + maxRank

// Decoder is a cursor over one body. It is reused by the next one.
type Decoder struct {
	data  []byte
	pos   int
	opt   Options
	steps [maxSteps]step // where the cursor is, for error messages
	depth int
	err   *Error
}

// step is one part of a path: a key, or an index where the key is nil.
type step struct {
	key   []byte
	index int
}

// Reset starts on a new body. The decoder undoes string escapes in place, so body changes.
func (d *Decoder) Reset(body []byte, opt Options) {
	d.data, d.pos, d.opt, d.depth, d.err = body, 0, opt, 0, nil
}

// Object enters the object that the body must be.
func (d *Decoder) Object() error {
	d.space()
	if d.pos == len(d.data) {
		d.fail("empty, expected a JSON object")
		return d.err
	}
	if !d.expect('{', "a JSON object") {
		return d.err
	}
	return nil
}

// Key returns the next key of the object entered last, ok false at its end. first says that no key was read yet.
// The key is the path of what follows until the next call.
func (d *Decoder) Key(first bool) (key []byte, ok bool, err error) {
	d.depth = 0
	key, ok = d.nextKey(first)
	if d.err != nil {
		return nil, false, d.err
	}
	if ok {
		d.push(step{key: key})
	}
	return key, ok, nil
}

// Text reads a string value.
func (d *Decoder) Text() ([]byte, error) {
	d.space()
	s, ok := d.text()
	if !ok {
		return nil, d.err
	}
	return s, nil
}

// Fail makes an error about the field at the cursor.
func (d *Decoder) Fail(reason string) error {
	d.fail(reason)
	return d.err
}

// End proves that nothing follows the body's object.
func (d *Decoder) End() error {
	d.depth = 0
	d.space()
	if d.pos != len(d.data) {
		d.failSyntax("data behind the JSON object")
		return d.err
	}
	return nil
}

// nextKey moves to the next key of an object and behind its colon; ok is false at the end of the object or on error.
func (d *Decoder) nextKey(first bool) (key []byte, ok bool) {
	d.space()
	if c := d.peek(); c == '}' {
		d.pos++
		return nil, false
	} else if !first {
		if c != ',' {
			return nil, d.failSyntax(d.found() + ", expected ',' or '}'")
		}
		d.pos++
	}
	return d.key()
}

// key reads a key and its colon.
func (d *Decoder) key() ([]byte, bool) {
	d.space()
	if d.peek() != '"' {
		return nil, d.failSyntax(d.found() + ", expected a key in quotes")
	}
	key, ok := d.text()
	if !ok {
		return nil, false
	}
	d.space()
	if !d.expect(':', "':'") {
		return nil, false
	}
	d.space()
	return key, true
}

// comma moves to the next element of an array of which n elements were read; more is false at its end or on error.
func (d *Decoder) comma(n int) (more bool) {
	d.space()
	switch c := d.peek(); {
	case c == ']':
		d.pos++
		return false
	case n == 0:
		return true
	case c == ',':
		d.pos++
		d.space()
		return true
	}
	return d.failSyntax(d.found() + ", expected ',' or ']'")
}

func (d *Decoder) push(s step) { d.steps[d.depth] = s; d.depth++ }
func (d *Decoder) pop()        { d.depth-- }

// space skips white space.
func (d *Decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek is the byte at the cursor, 0 at the end.
func (d *Decoder) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

func (d *Decoder) expect(c byte, what string) bool {
	if d.peek() != c {
		return d.unexpected(what)
	}
	d.pos++
	return true
}

// word consumes a literal such as null.
func (d *Decoder) word(w string) bool {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return false
	}
	d.pos += len(w)
	return true
}

// unexpected fails with what stands at the cursor, always false.
func (d *Decoder) unexpected(want string) bool {
	switch found := d.found(); found {
	case "a number", "a string", "an array", "an object", "true", "false", "null", "NaN", "Infinity":
		return d.fail("expected " + want + ", found " + found)
	default:
		return d.failSyntax(found + ", expected " + want)
	}
}

// found names the kind of value at the cursor.
func (d *Decoder) found() string {
	if d.pos >= len(d.data) {
		return "the end of the body"
	}
	switch c := d.data[d.pos]; {
	case c-'0' < 10:
		return "a number"
	case c == '-':
		if d.pos+1 < len(d.data) && d.data[d.pos+1] == 'I' {
			return "Infinity"
		}
		return "a number"
	case c == '"':
		return "a string"
	case c == '[':
		return "an array"
	case c == '{':
		return "an object"
	case c >= 0x80 || c < 0x20:
		return "the byte 0x" + strconv.FormatUint(uint64(c), 16)
	default:
		for _, w := range []string{"true", "false", "null", "NaN", "Infinity"} {
			if d.word(w) {
				d.pos -= len(w)
				return w
			}
		}
		return "'" + string(rune(c)) + "'"
	}
}

// fail records an error about the field at the cursor and returns false.
func (d *Decoder) fail(reason string) bool {
	if d.err == nil {
		d.err = &Error{Field: d.field(), Reason: reason}
	}
	return false
}

// failSyntax is fail for bytes that are not JSON.
func (d *Decoder) failSyntax(found string) bool {
	return d.fail("invalid JSON at byte " + strconv.Itoa(d.pos) + ": " + found)
}

// maxFieldKey cuts keys in error messages.
const maxFieldKey = 64

// field writes the path of the cursor: input_data[0].age
func (d *Decoder) field() string {
	var b []byte
	for i, s := range d.steps[:d.depth] {
		if s.key == nil {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
			continue
		}
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, cut(s.key)...)
	}
	return string(b)
}

// cut shortens text that came from the client.
func cut(s []byte) string {
	if len(s) > maxFieldKey {
		return string([]rune(string(s[:maxFieldKey]))) + "…"
	}
	return string(s)
}
