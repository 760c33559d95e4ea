package table

import (
	"fmt"
	"math"
	"strconv"
)

// isMissing reports whether an unquoted or quoted cell stands for "no value".
func isMissing(cell []byte) bool {
	switch string(cell) { // no allocation: the conversion is only compared
	case "", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "None", "none", "?", "-":
		return true
	}
	return false
}

// isNumber reports whether a cell is a decimal number, an infinity included (which parseNumber refuses).
func isNumber(cell []byte) bool {
	if len(cell) == 0 || len(cell) > maxNumberBytes {
		return false
	}
	switch c := cell[0]; {
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'i', c == 'I':
	default:
		return false // most text ends here without a call of the parser
	}
	_, err := strconv.ParseFloat(string(cell), 64)
	return err == nil || isRange(err)
}

// maxNumberBytes is far more than any float needs and keeps the parser off megabytes of digits.
const maxNumberBytes = 512

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// parseNumber reads a number as float64 and rounds it to float32. The error says what is wrong with the value alone.
func parseNumber(cell []byte) (float32, error) {
	v, err := strconv.ParseFloat(string(cell), 64)
	if err != nil && !isRange(err) {
		return 0, fmt.Errorf("expected a number, found %s: %w", quote(cell), ErrValue)
	}
	if f := float32(v); !math.IsInf(float64(f), 0) {
		return f, nil
	}
	return 0, fmt.Errorf("expected a finite float32 number, found %s: %w", quote(cell), ErrValue)
}

// quote shows the beginning of a cell in an error.
func quote(cell []byte) string {
	const most = 40
	if len(cell) > most {
		return strconv.Quote(string(cell[:most])) + "…"
	}
	return strconv.Quote(string(cell))
}

func nan() float32 { return float32(math.NaN()) }
