package jsontensor

import (
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Tensors reads the columnar form: one whole tensor, or an object with a tensor per input. Every axis of a tensor,
// the first included, is a level of lists.
func (c *Codec) Tensors(ins []*tensor.Tensor) error {
	c.begin()
	if c.peek() == '{' && !(c.opt.Base64 && c.isBase64()) {
		return c.tensorsByName(ins)
	}
	if len(ins) != 1 {
		c.unexpected("an object with one key per input")
		return c.err
	}
	return c.tensor(ins[0], 0)
}

func (c *Codec) tensorsByName(ins []*tensor.Tensor) error {
	c.pos++
	whole := c.seen[len(c.layout.columns):]
	for first := true; ; first = false {
		key, ok := c.nextKey(first)
		if !ok {
			break
		}
		c.push(step{key: key})
		input := -1
		for i := range c.layout.inputs {
			if c.layout.inputs[i].Name == string(key) {
				input = i
			}
		}
		if input < 0 {
			return c.Fail("no input of the model has this name")
		}
		if whole[input]++; whole[input] > 1 {
			return c.Fail("the key occurs twice")
		}
		if err := c.tensor(ins[input], input); err != nil {
			return err
		}
		c.pop()
	}
	if c.err != nil {
		return c.err
	}
	for i := range ins {
		if whole[i] == 0 {
			return c.Fail("the key " + strconv.Quote(c.layout.inputs[i].Name) + " is missing")
		}
	}
	return nil
}

// tensor reads all of one input.
func (c *Codec) tensor(t *tensor.Tensor, input int) error {
	reserve(t, 0)
	if !c.nested(t, input, c.dims[input]) {
		return c.err
	}
	c.resize(t, input)
	return nil
}

// resize gives t the shape that was read. An axis below an empty list is empty.
func (c *Codec) resize(t *tensor.Tensor, input int) {
	dims := c.dims[input]
	for i, d := range dims {
		dims[i] = max(d, 0)
	}
	t.Resize(dims...)
}

// instance appends one instance, all axes but the first. A number stands for a list of one.
func (c *Codec) instance(t *tensor.Tensor, input int) bool {
	dims := c.dims[input][1:]
	if len(dims) == 1 && dims[0] == 1 && c.peek() != '[' {
		dims = nil
	}
	return c.nested(t, input, dims)
}

// nested appends the elements of a list of lists as deep as dims is long. An axis of -1 takes the length of the first
// list on its level; all others must agree.
func (c *Codec) nested(t *tensor.Tensor, input int, dims []int) bool {
	if len(dims) == 0 {
		n := c.counts[input]
		reserve(t, n+1)
		c.counts[input]++
		return c.element(t, n, c.layout.inputs[input].Missing)
	}
	if c.peek() != '[' {
		return c.unexpected("a list" + ofLength(dims[0]))
	}
	c.pos++
	n := 0
	for c.comma(n) {
		if n == dims[0] {
			return c.tooMany(n)
		}
		c.push(step{index: n})
		if !c.nested(t, input, dims[1:]) {
			return false
		}
		c.pop()
		n++
	}
	if c.err != nil {
		return false
	}
	if dims[0] < 0 {
		dims[0] = n
	}
	return c.complete(n, dims[0])
}

func ofLength(n int) string {
	if n < 0 {
		return ""
	}
	return " of " + strconv.Itoa(n)
}
