package jsontensor

import "math"

// Number reads a number of unknown type: whole where its text has neither fraction nor exponent, which int64 must hold,
// else the nearest float32.
func (d *Decoder) Number() (n int64, f float32, whole bool, err error) {
	d.space()
	if v, ok := d.nonFinite(); ok {
		return 0, float32(v), false, nil
	}
	if scanNumber(d.data, d.pos).integer {
		n, _ = d.int(math.MinInt64, math.MaxInt64)
		return n, 0, true, d.problem()
	}
	f, _ = d.float32(false)
	return 0, f, false, d.problem()
}

// TextOrBytes reads a string, or {"b64": …} where the options allow it. It views the body.
func (d *Decoder) TextOrBytes() (string, error) {
	d.space()
	s, _ := d.string(false)
	return s, d.problem()
}
