package admin

import (
	"fmt"
	"math"
	"strconv"
)

// whole is a whole number in any form that JSON has for it: 2, 2.0, 2e0.
type whole int64

// UnmarshalJSON implements json.Unmarshaler.
func (w *whole) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(text), 64)
		if floatErr != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return fmt.Errorf("expected a whole number, found %s", text[:min(len(text), 40)])
		}
		n = int64(f)
	}
	*w = whole(n)
	return nil
}
