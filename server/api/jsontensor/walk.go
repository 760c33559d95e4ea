package jsontensor

import (
	"math"
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Each reads the list at the cursor: f reads element i. What f reads is named by its index in errors.
func (d *Decoder) Each(f func(i int) error) error {
	d.space()
	if !d.expect('[', "a list") {
		return d.err
	}
	for n := 0; d.comma(n); n++ {
		if d.depth == len(d.steps) {
			return d.Fail("nested too deeply")
		}
		d.push(step{index: n})
		if err := f(n); err != nil {
			return err
		}
		d.pop()
	}
	return d.problem()
}

// Members reads the object at the cursor: f reads the value of each key.
func (d *Decoder) Members(f func(key []byte) error) error {
	d.space()
	if !d.expect('{', "an object") {
		return d.err
	}
	for first := true; ; first = false {
		key, ok := d.nextKey(first)
		if !ok {
			return d.problem()
		}
		if d.depth == len(d.steps) {
			return d.Fail("nested too deeply")
		}
		d.push(step{key: key})
		if err := f(key); err != nil {
			return err
		}
		d.pop()
	}
}

// problem is the error so far, nil if there is none.
func (d *Decoder) problem() error {
	if d.err != nil {
		return d.err
	}
	return nil
}

// Int reads a whole number of at least lo.
func (d *Decoder) Int(lo int64) (int64, error) {
	d.space()
	v, _ := d.int(lo, math.MaxInt64)
	return v, d.problem()
}

// Bool reads true or false.
func (d *Decoder) Bool() (bool, error) {
	d.space()
	v, _ := d.bool()
	return v, d.problem()
}

// Kind names the value at the cursor: "a number", "a string", "an array", "an object", "true", "false", "null".
func (d *Decoder) Kind() string {
	d.space()
	return d.found()
}

// Mark is a place in the body to come back to.
type Mark int

// Mark is where the cursor stands.
func (d *Decoder) Mark() Mark {
	d.space()
	return Mark(d.pos)
}

// Return moves the cursor to a mark and tells where it stood.
func (d *Decoder) Return(m Mark) Mark {
	was := d.pos
	d.pos = int(m)
	return Mark(was)
}

// Skip passes over the value at the cursor, whatever it is, without changing the body. depth bounds how many lists and
// objects it may be nested in.
func (d *Decoder) Skip(depth int) error {
	d.skip(depth)
	return d.problem()
}

func (d *Decoder) skip(depth int) bool {
	d.space()
	switch c := d.peek(); {
	case c == '[' || c == '{':
		if depth == 0 {
			return d.fail("nested too deeply")
		}
		d.pos++
		n := 0
		if c == '[' {
			for d.comma(n) {
				if !d.skip(depth - 1) {
					return false
				}
				n++
			}
			return d.err == nil
		}
		for first := true; ; first = false {
			if d.space(); d.peek() == '}' {
				d.pos++
				return true
			}
			if !first {
				if !d.expect(',', "',' or '}'") {
					return false
				}
				d.space()
			}
			if !d.skipText() {
				return false
			}
			if d.space(); !d.expect(':', "':'") {
				return false
			}
			if !d.skip(depth - 1) {
				return false
			}
		}
	case c == '"':
		return d.skipText()
	case c-'0' < 10 || c == '-' && !d.infinite():
		_, ok := d.number()
		return ok
	case d.word("true") || d.word("false") || d.word("null"):
		return true
	}
	if _, ok := d.nonFinite(); ok {
		return true
	}
	return d.unexpected("a value")
}

// skipText passes over a string. Whether its escapes are right is seen when it is read.
func (d *Decoder) skipText() bool {
	if !d.expect('"', "a string") {
		return false
	}
	for ; d.pos < len(d.data); d.pos++ {
		switch c := d.data[d.pos]; {
		case c == '"':
			d.pos++
			return true
		case c == '\\':
			d.pos++
		case c < 0x20:
			return d.failSyntax("a control character inside a string")
		}
	}
	d.pos = len(d.data)
	return d.failSyntax("the end of the body inside a string")
}

// Elements reads a tensor of the given shape, flat or as nested lists, in row-major order, and gives t that shape. A
// shape that the rest of the body cannot fill is refused before anything is reserved for it.
func (d *Decoder) Elements(t *tensor.Tensor, shape []int) error {
	d.space()
	n, ok := tensor.Elements(shape)
	if !ok || n > (len(d.data)-d.pos)/2 { // an element and its comma or bracket
		return d.Fail("fewer elements than the shape says")
	}
	if d.peek() != '[' {
		d.unexpected("a list")
		return d.err
	}
	reserve(t, n)
	if at := d.pos + 1; len(shape) > 1 && d.nestedAt(at) {
		d.fill(t, shape, 0)
	} else {
		d.flat(t, 0, n)
	}
	if d.err != nil {
		return d.err
	}
	t.Resize(shape...)
	return nil
}

// nestedAt reports whether the first element of a list is a list.
func (d *Decoder) nestedAt(pos int) bool {
	was := d.pos
	d.pos = pos
	d.space()
	nested := d.peek() == '['
	d.pos = was
	return nested
}

// fill reads nested lists of a shape into t from element at on.
func (d *Decoder) fill(t *tensor.Tensor, shape []int, at int) (next int, ok bool) {
	if len(shape) == 1 {
		return at + shape[0], d.flat(t, at, shape[0])
	}
	if !d.expect('[', "a list"+ofLength(shape[0])) {
		return at, false
	}
	i := 0
	for d.comma(i) {
		if i == shape[0] {
			return at, d.fail("more than " + strconv.Itoa(i) + " lists, as the shape says")
		}
		if d.depth == len(d.steps) {
			return at, d.fail("nested too deeply")
		}
		d.push(step{index: i})
		if at, ok = d.fill(t, shape[1:], at); !ok {
			return at, false
		}
		d.pop()
		i++
	}
	if d.err == nil && i < shape[0] {
		d.fail("expected " + strconv.Itoa(shape[0]) + " lists as the shape says, found " + strconv.Itoa(i))
	}
	return at, d.err == nil
}

// flat reads a list of n scalars into t from element at on.
func (d *Decoder) flat(t *tensor.Tensor, at, n int) bool {
	if !d.expect('[', "a list"+ofLength(n)) {
		return false
	}
	i := 0
	if t.DType == tensor.Float32 {
		values := tensor.Data[float32](t)[at:]
		i = d.plainFloats(values[:max(n-1, 0)])
		d.space()
		for more := i > 0; i < n && (more || d.comma(i)); i++ {
			v, ok := d.float32(false)
			if !ok {
				return d.blameIndex(i)
			}
			values[i], more = v, false
		}
	} else {
		for ; i < n && d.comma(i); i++ {
			if !d.element(t, at+i, false) {
				return d.blameIndex(i)
			}
		}
	}
	switch {
	case d.err != nil:
		return false
	case i < n:
		return d.fail("expected " + strconv.Itoa(n) + " elements as the shape says, found " + strconv.Itoa(i))
	case d.comma(i):
		return d.fail("more than " + strconv.Itoa(n) + " elements, as the shape says")
	}
	return d.err == nil
}

// blameIndex appends an index to the field of the error that an element caused; a push before every element would cost more.
func (d *Decoder) blameIndex(i int) bool {
	if d.depth < len(d.steps) && d.err.Field == d.field() {
		d.push(step{index: i})
		d.err.Field = d.field()
		d.pop()
	}
	return false
}
