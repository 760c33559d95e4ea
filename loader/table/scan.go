package table

import (
	"bytes"
	"fmt"
)

// scanner cuts CSV bytes into records, following RFC 4180: a cell in double quotes may hold separators, line breaks and
// doubled quotes; records end with LF or CRLF. Blank lines are skipped; white space around a cell is dropped unless
// it is quoted. The cells of a record stay valid until the next one.
type scanner struct {
	file   string
	data   []byte
	at     int
	line   int // of the record in hand, from 1
	next   int // line at which the next record starts
	sep    byte
	limits Limits
	cells  [][]byte
	quoted []byte // unescaped cells of the record in hand
}

func newScanner(file string, data []byte, sep byte, limits Limits) *scanner {
	return &scanner{file: file, data: data, sep: sep, next: 1, limits: limits}
}

// record reads the next record; nil at the end of the data.
func (s *scanner) record() ([][]byte, error) {
	for s.at < len(s.data) {
		end := bytes.IndexByte(s.data[s.at:], '\n')
		if end < 0 {
			end = len(s.data) - s.at
		}
		if len(bytes.TrimSpace(s.data[s.at:s.at+end])) > 0 {
			break
		}
		s.at = min(s.at+end+1, len(s.data))
		s.next++
	}
	if s.at >= len(s.data) {
		return nil, nil
	}
	s.line = s.next
	s.cells, s.quoted = s.cells[:0], s.quoted[:0]
	for {
		cell, last, err := s.cell()
		if err != nil {
			return nil, err
		}
		if len(cell) > s.limits.CellBytes {
			return nil, fmt.Errorf("%s line %d column %d: a cell of %d bytes, at most %d are allowed: %w",
				s.file, s.line, len(s.cells)+1, len(cell), s.limits.CellBytes, ErrLimit)
		}
		if len(s.cells) == s.limits.Columns {
			return nil, fmt.Errorf("%s line %d: more than %d columns: %w", s.file, s.line, s.limits.Columns, ErrLimit)
		}
		s.cells = append(s.cells, cell)
		if last {
			return s.cells, nil
		}
	}
}

// cell reads one cell and the separator or line break after it; last says that the record ends with it.
func (s *scanner) cell() (cell []byte, last bool, err error) {
	start := s.at
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\t' && s.sep != '\t') {
		s.at++
	}
	if s.at < len(s.data) && s.data[s.at] == '"' {
		return s.quotedCell()
	}
	s.at = start
	for s.at < len(s.data) && s.data[s.at] != s.sep && s.data[s.at] != '\n' {
		s.at++
	}
	cell = bytes.TrimSpace(s.data[start:s.at])
	return cell, s.endOfCell(), nil
}

// endOfCell steps over the separator or line break at s.at.
func (s *scanner) endOfCell() (last bool) {
	if s.at >= len(s.data) {
		s.next++
		return true
	}
	c := s.data[s.at]
	s.at++
	if c == '\n' {
		s.next++
		return true
	}
	return false
}

func (s *scanner) quotedCell() (cell []byte, last bool, err error) {
	s.at++
	from := len(s.quoted)
	for {
		i := bytes.IndexByte(s.data[s.at:], '"')
		if i < 0 {
			return nil, false, fmt.Errorf("%s line %d column %d: a quoted cell is never closed: %w", s.file, s.line, len(s.cells)+1, ErrSyntax)
		}
		part := s.data[s.at : s.at+i]
		s.quoted = append(s.quoted, part...)
		s.next += bytes.Count(part, []byte{'\n'})
		s.at += i + 1
		if s.at < len(s.data) && s.data[s.at] == '"' {
			s.quoted = append(s.quoted, '"')
			s.at++
			continue
		}
		break
	}
	cell = s.quoted[from:len(s.quoted):len(s.quoted)]
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\r' || s.data[s.at] == '\t' && s.sep != '\t') {
		s.at++
	}
	if s.at < len(s.data) && s.data[s.at] != s.sep && s.data[s.at] != '\n' {
		return nil, false, fmt.Errorf("%s line %d column %d: expected a separator after a quoted cell, found %q: %w",
			s.file, s.next, len(s.cells)+1, s.data[s.at], ErrSyntax)
	}
	return cell, s.endOfCell(), nil
}
