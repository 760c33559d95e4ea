// Package table reads tabular data: CSV, JSON lines and 2-D npy arrays become typed columns, numbers or text. Files
// are untrusted: counts and sizes are limited, and every error names file, line, column, expectation and what was found.
package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Errors of this package wrap one of these.
var (
	// ErrSyntax: the file is not in the format, for example a ragged row or an open quote.
	ErrSyntax = errors.New("malformed table")
	// ErrLimit: the table is larger than Limits allows.
	ErrLimit = errors.New("table limit exceeded")
	// ErrValue: a cell that has no use as a number or text, for example an infinity.
	ErrValue = errors.New("unusable value")
	// ErrColumn: a column was asked for that the table does not have.
	ErrColumn = errors.New("no such column")
)

// Column is one named column. Exactly one of Numbers and Text is set.
type Column struct {
	Name    string
	Numbers []float32 // NaN where the cell is missing
	Text    []string  // "" where the cell is missing
}

// Numeric reports whether the column holds numbers. A column with nothing but missing cells is numeric.
func (c *Column) Numeric() bool { return c.Numbers != nil }

// Missing reports whether row i of the column is a missing cell.
func (c *Column) Missing(i int) bool {
	if c.Numeric() {
		return c.Numbers[i] != c.Numbers[i]
	}
	return c.Text[i] == ""
}

// Table is a list of columns of the same length.
type Table struct {
	File    string
	Columns []Column
	Rows    int
	Named   bool   // the file names its columns; otherwise they are column_0, column_1, …
	Digest  string // SHA-256 of the file's bytes, hexadecimal
}

// Header says whether the first row of a CSV file names the columns.
type Header int

// Whether a CSV file has a header row.
const (
	HeaderAuto Header = iota // decide from the cells, see sniffHeader
	HeaderYes
	HeaderNo
)

// Options of reading.
type Options struct {
	Header Header
	Limits Limits
}

// Limits bound what a file may make the reader allocate. Zero fields take the value of DefaultLimits.
type Limits struct {
	Bytes     int64 // size of the file
	Rows      int
	Columns   int
	CellBytes int
	Cells     int // rows times columns; a number takes 4 bytes, a text 16 and its own length
}

// DefaultLimits is meant for training on one machine.
var DefaultLimits = Limits{Bytes: 8 << 30, Rows: 100_000_000, Columns: 65_536, CellBytes: 1 << 20, Cells: 1 << 30}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	if l.Bytes > 0 {
		d.Bytes = l.Bytes
	}
	if l.Rows > 0 {
		d.Rows = l.Rows
	}
	if l.Columns > 0 {
		d.Columns = l.Columns
	}
	if l.CellBytes > 0 {
		d.CellBytes = l.CellBytes
	}
	if l.Cells > 0 {
		d.Cells = l.Cells
	}
	return d
}

// Open reads the table in a file. The format is sniffed: npy by its magic bytes, JSON lines by a first "{", else CSV.
func Open(path string, opt Options) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	limit := opt.Limits.orDefault().Bytes
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are allowed: %w", path, info.Size(), limit, ErrLimit)
	}
	var data []byte
	if info.Mode().IsRegular() {
		data = make([]byte, info.Size())
		_, err = io.ReadFull(f, data)
	} else { // a pipe
		data, err = io.ReadAll(io.LimitReader(f, limit+1))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return Read(filepath.Base(path), data, opt)
}

// Read is Open for bytes in memory; file names them in errors.
func Read(file string, data []byte, opt Options) (*Table, error) {
	limits := opt.Limits.orDefault()
	if int64(len(data)) > limits.Bytes {
		return nil, fmt.Errorf("%s: more than %d bytes: %w", file, limits.Bytes, ErrLimit)
	}
	digest := sha256.Sum256(data)
	body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var (
		t   *Table
		err error
	)
	switch first := bytes.TrimLeft(body, " \t\r\n"); {
	case bytes.HasPrefix(body, []byte("\x93NUMPY")):
		t, err = readNPY(file, body, limits)
	case len(first) == 0:
		return nil, fmt.Errorf("%s: the file is empty, expected a table: %w", file, ErrSyntax)
	case first[0] == '{':
		t, err = readJSONL(file, body, limits)
	default:
		t, err = readCSV(file, body, opt.Header, limits)
	}
	if err != nil {
		return nil, err
	}
	t.File, t.Digest = file, hex.EncodeToString(digest[:])
	return t, nil
}

// Find looks a column up by its name or, where no column has that name, by its index from 0; -1 is the last one.
func (t *Table) Find(ref string) (int, error) {
	for i := range t.Columns {
		if t.Columns[i].Name == ref {
			return i, nil
		}
	}
	if i, err := strconv.Atoi(ref); err == nil {
		if i < 0 {
			i += len(t.Columns)
		}
		if i >= 0 && i < len(t.Columns) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s has no column %q, expected one of %s: %w", t.File, ref, someNames(t.Columns), ErrColumn)
}

// someNames lists the first column names for an error.
func someNames(columns []Column) string {
	const most = 8
	var b bytes.Buffer
	for i := range columns {
		if i == most {
			fmt.Fprintf(&b, ", … (%d columns)", len(columns))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(columns[i].Name))
	}
	return b.String()
}
