package jsontensor

import (
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Rows reads a list of rows into the inputs of the model, one tensor per input, and gives them their shapes. A row is
// a list of scalars in column order, an object by column or input name, or, for a model with one input of more axes,
// the nested lists of one instance.
func (c *Codec) Rows(ins []*tensor.Tensor) (rows int, err error) {
	c.begin()
	if c.peek() != '[' {
		c.unexpected("a list of rows, [[…], …]")
		return 0, c.err
	}
	c.pos++
	n := 0
	for c.comma(n) {
		c.push(step{index: n})
		if !c.row(ins, n) {
			return 0, c.err
		}
		c.pop()
		n++
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, c.shapes(ins, n)
}

// shapes gives the inputs their shapes, for n rows.
func (c *Codec) shapes(ins []*tensor.Tensor, n int) error {
	if n == 0 {
		return c.Fail("empty, expected at least one row")
	}
	for i, t := range ins {
		if want := c.layout.inputs[i].Shape[0]; want >= 0 && want != n {
			return c.Fail("expected exactly " + strconv.Itoa(want) + " rows, found " + strconv.Itoa(n))
		}
		c.dims[i][0] = n
		c.resize(t, i)
	}
	return nil
}

// begin forgets the body before.
func (c *Codec) begin() {
	for i, in := range c.layout.inputs {
		c.counts[i] = 0
		copy(c.dims[i], in.Shape)
	}
	clear(c.seen)
}

// row reads row i, whatever its form.
func (c *Codec) row(ins []*tensor.Tensor, i int) bool {
	l := c.layout
	switch ch := c.peek(); {
	case ch == '{' && !(c.opt.Base64 && c.isBase64()):
		return c.objectRow(ins, i)
	case l.Tabular && ch == '[' && !(len(l.columns) == 1 && len(l.inputs[0].Shape) == 1):
		if l.plain {
			return c.plainRow(ins[0], i)
		}
		return c.listRow(ins, i)
	case l.Tabular && len(l.columns) == 1:
		reserve(ins[0], i+1)
		return c.element(ins[0], i, l.inputs[0].Missing)
	case l.Tabular:
		return c.unexpected("a row: " + c.rowForm())
	case len(l.inputs) == 1:
		return c.instance(ins[0], 0)
	}
	return c.unexpected("an object with one key per input")
}

// rowForm says what a tabular row looks like.
func (c *Codec) rowForm() string {
	n := len(c.layout.columns)
	return "a list of " + strconv.Itoa(n) + " values (several rows are a list of lists)"
}

// plainRow is the fast path: a list of numbers into one float32 input.
func (c *Codec) plainRow(t *tensor.Tensor, i int) bool {
	width := len(c.layout.columns)
	missing := c.layout.inputs[0].Missing
	reserve(t, (i+1)*width)
	row := tensor.Data[float32](t)[i*width:]
	c.pos++
	n := c.plainFloats(row[:max(width-1, 0)])
	c.space()
	for more := n > 0 || c.comma(0); more; more = c.comma(n) {
		if n == width {
			return c.tooMany(width)
		}
		v, ok := c.float32(missing)
		if !ok {
			return c.blame(n)
		}
		row[n] = v
		n++
	}
	return c.err == nil && c.complete(n, width)
}

// listRow reads a list of scalars of any dtypes.
func (c *Codec) listRow(ins []*tensor.Tensor, i int) bool {
	l := c.layout
	for j, t := range ins {
		reserve(t, (i+1)*l.inputWidth(j))
	}
	c.pos++
	n := 0
	for c.comma(n) {
		if n == len(l.columns) {
			return c.tooMany(n)
		}
		col := &l.columns[n]
		if !c.element(ins[col.input], i*col.width+col.offset, l.inputs[col.input].Missing) {
			return c.blame(n)
		}
		n++
	}
	return c.err == nil && c.complete(n, len(l.columns))
}

func (l *Layout) inputWidth(input int) int {
	if s := l.inputs[input].Shape; len(s) == 2 {
		return s[1]
	}
	return 1
}

// blame appends the column to the field of the error that a value of it caused. It is done here rather than by a push
// before every value, which the fast path would pay for.
func (c *Codec) blame(n int) bool {
	if c.err.Field == c.field() {
		c.push(step{index: n})
		c.err.Field = c.field()
		if name := c.layout.columnName(n); name != "" {
			c.err.Field += " (" + cut([]byte(name)) + ")"
		}
		c.pop()
	}
	return false
}

func (c *Codec) tooMany(want int) bool {
	return c.fail("expected " + strconv.Itoa(want) + " values, found more")
}

func (c *Codec) complete(n, want int) bool {
	if n != want {
		return c.fail("expected " + strconv.Itoa(want) + " values, found " + strconv.Itoa(n))
	}
	return true
}

// objectRow reads a row whose values are named by column or input.
func (c *Codec) objectRow(ins []*tensor.Tensor, i int) bool {
	l := c.layout
	c.pos++
	c.makeRoom(ins, i)
	for first := true; ; first = false {
		key, ok := c.nextKey(first)
		if !ok {
			if c.err != nil {
				return false
			}
			break
		}
		to, known := l.names[string(key)]
		c.push(step{key: key})
		if !known {
			return c.fail("no column or input of the model has this name")
		}
		if !c.named(ins, i, to) {
			return false
		}
		c.pop()
	}
	return c.fillRow(ins, i)
}

// makeRoom reserves row i of a table.
func (c *Codec) makeRoom(ins []*tensor.Tensor, i int) {
	if !c.layout.Tabular {
		return
	}
	for j, t := range ins {
		reserve(t, (i+1)*c.layout.inputWidth(j))
	}
}

// named reads the value of a key into its column, or into a whole input.
func (c *Codec) named(ins []*tensor.Tensor, i int, to target) bool {
	l := c.layout
	seen := &c.seen[len(l.columns)+to.input]
	if to.column >= 0 {
		seen = &c.seen[to.column]
	}
	if *seen == i+1 {
		return c.fail("the key occurs twice")
	}
	*seen = i + 1
	if to.column < 0 || l.inputWidth(to.input) == 1 && c.peek() == '[' {
		c.counts[to.input] = i * c.instanceLen(to.input)
		return c.instance(ins[to.input], to.input)
	}
	col := &l.columns[to.column]
	return c.element(ins[to.input], i*col.width+col.offset, l.inputs[to.input].Missing)
}

// instanceLen is the number of elements of one instance of an input; 0 before the first one told the unknown axes.
func (c *Codec) instanceLen(input int) int {
	n := 1
	for _, d := range c.dims[input][1:] {
		n *= max(d, 0)
	}
	return n
}

// fillRow fills the columns that an object row left out, which must be allowed to miss.
func (c *Codec) fillRow(ins []*tensor.Tensor, i int) bool {
	l := c.layout
	whole := c.seen[len(l.columns):]
	for n := range l.columns {
		col := &l.columns[n]
		if c.seen[n] == i+1 {
			if whole[col.input] == i+1 {
				return c.fail("column " + strconv.Quote(col.name) + " and its input are both given")
			}
			continue
		}
		if whole[col.input] == i+1 {
			continue
		}
		if in := &l.inputs[col.input]; !in.Missing || in.DType.Size() != 0 && in.DType != tensor.Float32 && in.DType != tensor.Float64 {
			name := col.name
			if name == "" {
				name = in.Name
			}
			return c.fail("the key " + strconv.Quote(name) + " is missing")
		}
		fill(ins[col.input], i*col.width+col.offset)
	}
	if l.Tabular {
		return true
	}
	for j := range l.inputs {
		if whole[j] != i+1 {
			return c.fail("the key " + strconv.Quote(l.inputs[j].Name) + " is missing")
		}
	}
	return true
}

// isBase64 looks ahead for {"b64":
func (c *Codec) isBase64() bool {
	at := c.pos
	c.pos++
	c.space()
	is := c.word(`"b64"`)
	c.pos = at
	return is
}
