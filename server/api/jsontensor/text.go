package jsontensor

import (
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads the JSON string at the cursor and returns its bytes. Escapes are undone in place, which never needs more
// room than the escape itself took, so no string costs an allocation; the bytes live as long as the body.
func (d *Decoder) text() ([]byte, bool) {
	if !d.expect('"', "a string") {
		return nil, false
	}
	start := d.pos
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			s := d.data[start:i]
			if !utf8.Valid(s) {
				return nil, d.fail("a string that is not valid UTF-8")
			}
			return s, true
		case c == '\\':
			return d.escaped(start, i)
		case c < 0x20:
			d.pos = i
			return nil, d.failSyntax("a control character inside a string")
		}
	}
	d.pos = len(d.data)
	return nil, d.failSyntax("the end of the body inside a string")
}

// escaped goes on from the first backslash at i of a string that began at start.
func (d *Decoder) escaped(start, i int) ([]byte, bool) {
	out := i
	for i < len(d.data) {
		c := d.data[i]
		switch {
		case c == '"':
			d.pos = i + 1
			s := d.data[start:out]
			if !utf8.Valid(s) {
				return nil, d.fail("a string that is not valid UTF-8")
			}
			return s, true
		case c < 0x20:
			d.pos = i
			return nil, d.failSyntax("a control character inside a string")
		case c != '\\':
			d.data[out] = c
			out++
			i++
			continue
		}
		if i+1 >= len(d.data) {
			break
		}
		e := d.data[i+1]
		if plain := unescape(e); plain != 0 {
			d.data[out] = plain
			out++
			i += 2
			continue
		}
		d.pos = i
		if e != 'u' {
			return nil, d.failSyntax("an unknown escape in a string")
		}
		r, ok := d.hex4(i + 2)
		i += 6
		if ok && utf16.IsSurrogate(r) {
			var low rune
			if ok = i+1 < len(d.data) && d.data[i] == '\\' && d.data[i+1] == 'u'; ok {
				low, ok = d.hex4(i + 2)
				r = utf16.DecodeRune(r, low)
				ok = ok && r != utf8.RuneError
				i += 6
			}
		}
		if !ok {
			return nil, d.failSyntax(`an invalid \u escape in a string`)
		}
		out += utf8.EncodeRune(d.data[out:out+utf8.UTFMax], r) // six bytes or more were consumed for at most four
	}
	d.pos = len(d.data)
	return nil, d.failSyntax("the end of the body inside a string")
}

// unescape is the byte that a one-letter escape stands for, 0 if there is none.
func unescape(e byte) byte {
	switch e {
	case '"', '\\', '/':
		return e
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

func (d *Decoder) hex4(i int) (rune, bool) {
	if i+4 > len(d.data) {
		return 0, false
	}
	var r rune
	for _, c := range d.data[i : i+4] {
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// base64Object reads {"b64": "…"}, the form in which TensorFlow Serving takes binary strings, decoding in place.
func (d *Decoder) base64Object() ([]byte, bool) {
	d.pos++ // the brace
	key, ok := d.key()
	if !ok {
		return nil, false
	}
	if string(key) != "b64" {
		return nil, d.fail(`an object other than {"b64": …}`)
	}
	d.space()
	s, ok := d.text()
	if !ok {
		return nil, false
	}
	n, err := base64.StdEncoding.Decode(s, s)
	if err != nil {
		return nil, d.fail("invalid base64")
	}
	d.space()
	return s[:n], d.expect('}', "'}'")
}
