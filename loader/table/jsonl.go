package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// jsonCell is one value of a JSON line before the types of the columns are known.
type jsonCell struct {
	text   string
	number bool
	row    int
}

// readJSONL reads one flat object per line. Columns are in the order of their first appearance; an absent key and null
// are missing cells, true and false are text. A key with numbers and text is a text column.
func readJSONL(file string, data []byte, limits Limits) (*Table, error) {
	r := &jsonlReader{file: file, limits: limits, index: map[string]int{}}
	for line := 1; len(data) > 0; line++ {
		text, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := r.object(line, text); err != nil {
			return nil, err
		}
	}
	return r.table()
}

type jsonlReader struct {
	file   string
	limits Limits
	index  map[string]int
	names  []string
	cells  [][]jsonCell // by column, those that are present, ascending rows
	lines  []int        // line number of each row
}

// object adds one row.
func (r *jsonlReader) object(line int, text []byte) error {
	if len(r.lines) == r.limits.Rows {
		return fmt.Errorf("%s line %d: more than %d rows: %w", r.file, line, r.limits.Rows, ErrLimit)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return fmt.Errorf("%s line %d: expected a JSON object, found %s: %w", r.file, line, quote(text), ErrSyntax)
	}
	r.lines = append(r.lines, line)
	row := len(r.lines) - 1
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%s line %d: %w: %w", r.file, line, err, ErrSyntax)
		}
		name := key.(string) // the decoder refuses other keys
		value, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%s line %d column %q: %w: %w", r.file, line, name, err, ErrSyntax)
		}
		cell, err := toCell(value)
		if err != nil {
			return fmt.Errorf("%s line %d column %q: %w", r.file, line, name, err)
		}
		if len(cell.text) > r.limits.CellBytes || len(name) > r.limits.CellBytes {
			return fmt.Errorf("%s line %d: a cell of more than %d bytes: %w", r.file, line, r.limits.CellBytes, ErrLimit)
		}
		c, ok := r.index[name]
		if !ok {
			if c = len(r.names); c == r.limits.Columns {
				return fmt.Errorf("%s line %d: more than %d columns: %w", r.file, line, r.limits.Columns, ErrLimit)
			}
			r.index[name] = c
			r.names = append(r.names, name)
			r.cells = append(r.cells, nil)
		}
		if n := len(r.cells[c]); n > 0 && r.cells[c][n-1].row == row {
			return fmt.Errorf("%s line %d: key %q occurs twice: %w", r.file, line, name, ErrSyntax)
		}
		cell.row = row
		r.cells[c] = append(r.cells[c], cell)
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%s line %d: expected the end of the object: %w: %w", r.file, line, err, ErrSyntax)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%s line %d: expected one object per line, found more after it: %w", r.file, line, ErrSyntax)
	}
	return nil
}

func toCell(value json.Token) (jsonCell, error) {
	switch v := value.(type) {
	case nil:
		return jsonCell{}, nil
	case bool:
		return jsonCell{text: fmt.Sprint(v)}, nil
	case string:
		if isMissing([]byte(v)) {
			return jsonCell{}, nil
		}
		return jsonCell{text: v}, nil
	case json.Number:
		return jsonCell{text: v.String(), number: true}, nil
	}
	return jsonCell{}, fmt.Errorf("expected a number, text or null, found a nested value: %w", ErrValue)
}

// table types the columns.
func (r *jsonlReader) table() (*Table, error) {
	rows := len(r.lines)
	if len(r.names) == 0 {
		return nil, fmt.Errorf("%s: expected objects with keys, found none: %w", r.file, ErrSyntax)
	}
	if rows > r.limits.Cells/len(r.names) {
		return nil, fmt.Errorf("%s: %d rows of %d columns, at most %d cells are allowed: %w", r.file, rows, len(r.names), r.limits.Cells, ErrLimit)
	}
	t := &Table{Rows: rows, Named: true, Columns: make([]Column, len(r.names))}
	for i, name := range columnNames(r.names) {
		c := &t.Columns[i]
		c.Name = name
		for _, cell := range r.cells[i] {
			if !cell.number && cell.text != "" {
				c.Text = make([]string, rows)
				break
			}
		}
		if c.Text != nil {
			for _, cell := range r.cells[i] {
				c.Text[cell.row] = cell.text
			}
			continue
		}
		c.Numbers = make([]float32, rows)
		for j := range c.Numbers {
			c.Numbers[j] = nan()
		}
		for _, cell := range r.cells[i] {
			if cell.text == "" {
				continue
			}
			var err error
			if c.Numbers[cell.row], err = parseNumber([]byte(cell.text)); err != nil {
				return nil, fmt.Errorf("%s line %d column %q: %w", r.file, r.lines[cell.row], name, err)
			}
		}
	}
	return t, nil
}
