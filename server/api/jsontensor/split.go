package jsontensor

import (
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Split reads the split form of a table, {"columns": [names], "data": [[…], …]} in any order, into the inputs of the
// model: the columns of a row are named once, in any order. Without columns, or where they are numbers as a table
// without names has them, a row is in the order of the model's columns. An "index" is passed over.
func (c *Codec) Split(ins []*tensor.Tensor) error {
	c.order = c.order[:0]
	named := false
	data := Mark(-1)
	err := c.Members(func(key []byte) error {
		switch string(key) {
		case "columns":
			return c.Each(func(int) error {
				if c.Kind() == "a number" {
					return c.Skip(0)
				}
				name, err := c.Text()
				if err != nil {
					return err
				}
				to, ok := c.layout.names[string(name)]
				if !ok {
					return c.Fail("no column or input of the model has the name " + strconv.Quote(cut(name)))
				}
				named = true
				c.order = append(c.order, to)
				return nil
			})
		case "data":
			data = c.Mark()
			return c.Skip(maxSteps)
		case "index":
			return c.Skip(1)
		}
		return c.Fail("unknown key, expected columns, data or index")
	})
	if err != nil {
		return err
	}
	if data < 0 {
		return c.Fail(`the key "data" is missing`)
	}
	end := c.Return(data)
	c.push(step{key: dataKey})
	if !named {
		_, err = c.Rows(ins)
	} else {
		err = c.splitRows(ins)
	}
	if err != nil {
		return err
	}
	c.pop()
	c.Return(end)
	return nil
}

var dataKey = []byte("data") // in errors

func (c *Codec) splitRows(ins []*tensor.Tensor) error {
	c.begin()
	n := 0
	err := c.Each(func(i int) error {
		n = i + 1
		c.makeRoom(ins, i)
		columns := 0
		err := c.Each(func(j int) error {
			columns = j + 1
			if j == len(c.order) {
				return c.Fail("expected " + strconv.Itoa(j) + " values, one per column, found more")
			}
			c.named(ins, i, c.order[j])
			return c.problem()
		})
		if err == nil && columns < len(c.order) {
			err = c.Fail("expected " + strconv.Itoa(len(c.order)) + " values, one per column, found " + strconv.Itoa(columns))
		}
		if err == nil {
			c.fillRow(ins, i)
			err = c.problem()
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.shapes(ins, n)
}
