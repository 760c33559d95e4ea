package table

import "fmt"

// readCSV makes two passes over the bytes: the first finds the type of every column and the number of rows, the second
// fills columns of exactly that size.
func readCSV(file string, data []byte, header Header, limits Limits) (*Table, error) {
	sep := sniffSeparator(data, limits)
	named := header == HeaderYes
	if header == HeaderAuto {
		var err error
		if named, err = sniffHeader(file, data, sep, limits); err != nil {
			return nil, err
		}
	}
	names, text, rows, err := csvShape(newScanner(file, data, sep, limits), named)
	if err != nil {
		return nil, err
	}
	t := &Table{Rows: rows, Named: named, Columns: make([]Column, len(names))}
	for i := range t.Columns {
		t.Columns[i].Name = names[i]
		if text[i] {
			t.Columns[i].Text = make([]string, rows)
		} else {
			t.Columns[i].Numbers = make([]float32, rows)
		}
	}
	s := newScanner(file, data, sep, limits)
	if named {
		if _, err := s.record(); err != nil {
			return nil, err
		}
	}
	intern := make(map[string]string) // categories repeat: one copy of each
	for r := range rows {
		cells, err := s.record()
		if err != nil {
			return nil, err
		}
		for i, cell := range cells {
			c := &t.Columns[i]
			switch {
			case isMissing(cell):
				if c.Numeric() {
					c.Numbers[r] = nan()
				}
			case c.Numeric():
				if c.Numbers[r], err = parseNumber(cell); err != nil {
					return nil, fmt.Errorf("%s line %d column %q: %w", file, s.line, c.Name, err)
				}
			default:
				c.Text[r] = interned(intern, cell)
			}
		}
	}
	return t, nil
}

// csvShape is the first pass: column names, whether each column is text (some cell is neither missing nor a number),
// and the number of rows.
func csvShape(s *scanner, named bool) (names []string, text []bool, rows int, err error) {
	for {
		cells, err := s.record()
		if err != nil {
			return nil, nil, 0, err
		}
		if cells == nil {
			break
		}
		if names == nil {
			header := make([]string, len(cells))
			if named {
				for i, c := range cells {
					header[i] = string(c)
				}
			}
			names, text = columnNames(header), make([]bool, len(cells))
			if named {
				continue
			}
		}
		if len(cells) != len(names) {
			return nil, nil, 0, fmt.Errorf("%s line %d: expected %d cells as in the first row, found %d: %w", s.file, s.line, len(names), len(cells), ErrSyntax)
		}
		if rows == s.limits.Rows {
			return nil, nil, 0, fmt.Errorf("%s line %d: more than %d rows: %w", s.file, s.line, s.limits.Rows, ErrLimit)
		}
		rows++
		for i, c := range cells {
			text[i] = text[i] || !isMissing(c) && !isNumber(c)
		}
	}
	if names != nil && rows > s.limits.Cells/len(names) {
		return nil, nil, 0, fmt.Errorf("%s: %d rows of %d columns, at most %d cells are allowed: %w", s.file, rows, len(names), s.limits.Cells, ErrLimit)
	}
	if rows == 0 {
		return nil, nil, 0, fmt.Errorf("%s: expected rows below the header, found none: %w", s.file, ErrSyntax)
	}
	return names, text, rows, nil
}

// interned returns the one copy of a cell's text, up to a bound on the number of different ones that are remembered.
func interned(seen map[string]string, cell []byte) string {
	if v, ok := seen[string(cell)]; ok {
		return v
	}
	v := string(cell)
	if len(seen) < 1<<16 {
		seen[v] = v
	}
	return v
}
