package server

import (
	"fmt"
	"strconv"
	"strings"
)

// message is a protobuf message in text form, as a tree: field names with their values in order of appearance, which
// are strings (of scalars, unquoted) or messages. Nothing is known of types, which are for the reader to check.
//
// https://protobuf.dev/reference/protobuf/textformat-spec/
type message map[string][]any

// maxTextDepth bounds how deep messages may be nested.
const maxTextDepth = 32

// parseText reads a message.
func parseText(data []byte) (message, error) {
	p := textParser{text: string(data), line: 1}
	m, err := p.message("", 0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	return m, nil
}

type textParser struct {
	text string
	line int
}

// space skips blanks and comments.
func (p *textParser) space() {
	for p.text != "" {
		switch c := p.text[0]; {
		case c == '#':
			if i := strings.IndexByte(p.text, '\n'); i >= 0 {
				p.text = p.text[i:]
			} else {
				p.text = ""
			}
		case c == ' ' || c == '\t' || c == '\r':
			p.text = p.text[1:]
		case c == '\n':
			p.line++
			p.text = p.text[1:]
		default:
			return
		}
	}
}

// take skips one of the bytes in set, if it comes next, and returns it; 0 if not.
func (p *textParser) take(set string) byte {
	p.space()
	if p.text == "" || strings.IndexByte(set, p.text[0]) < 0 {
		return 0
	}
	c := p.text[0]
	p.text = p.text[1:]
	return c
}

// word takes letters, digits and what else names and numbers have.
func (p *textParser) word() string {
	p.space()
	n := 0
	for n < len(p.text) && (p.text[n] == '_' || p.text[n] == '.' || p.text[n] == '-' || p.text[n] == '+' ||
		'0' <= p.text[n] && p.text[n] <= '9' || 'a' <= p.text[n]|0x20 && p.text[n]|0x20 <= 'z') {
		n++
	}
	w := p.text[:n]
	p.text = p.text[n:]
	return w
}

// message reads fields up to the closing bracket, or the end of the text for "".
func (p *textParser) message(closing string, depth int) (message, error) {
	if depth > maxTextDepth {
		return nil, fmt.Errorf("messages are nested more than %d deep", maxTextDepth)
	}
	m := message{}
	for {
		p.space()
		if p.text == "" && closing == "" || closing != "" && p.take(closing) != 0 {
			return m, nil
		}
		name := p.word()
		if name == "" {
			return nil, fmt.Errorf("expected the name of a field, found %.10q", p.text)
		}
		colon := p.take(":") != 0
		if p.take("[") == 0 {
			v, err := p.value(colon, depth)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			m[name] = append(m[name], v)
		} else {
			for p.take("]") == 0 {
				v, err := p.value(colon, depth)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				m[name] = append(m[name], v)
				p.take(",")
			}
		}
		p.take(",;")
	}
}

// value reads a message, or where there was a colon also a scalar.
func (p *textParser) value(colon bool, depth int) (any, error) {
	switch c := p.take("{<\"'"); {
	case c == '{':
		return p.message("}", depth+1)
	case c == '<':
		return p.message(">", depth+1)
	case c != 0 && colon:
		var text strings.Builder
		for ; c != 0; c = p.take("\"'") { // neighbouring strings are one
			part, err := p.quoted(c)
			if err != nil {
				return nil, err
			}
			text.WriteString(part)
		}
		return text.String(), nil
	}
	w := p.word()
	if w == "" || !colon {
		return nil, fmt.Errorf("expected a value, found %.10q", p.text)
	}
	return w, nil
}

// quoted reads the rest of a string.
func (p *textParser) quoted(quote byte) (string, error) {
	for i := 0; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '\n':
			return "", fmt.Errorf("a string does not end")
		case quote:
			inner := p.text[:i]
			p.text = p.text[i+1:]
			if strings.IndexByte(inner, '\\') < 0 {
				return inner, nil
			}
			if quote == '\'' {
				inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\'`, `'`), `"`, `\"`)
			}
			text, err := strconv.Unquote(`"` + inner + `"`)
			if err != nil {
				return "", fmt.Errorf("string %q: %w", inner, err)
			}
			return text, nil
		}
	}
	return "", fmt.Errorf("a string does not end")
}

// one is the last value of a scalar field, "" if it is absent or a message.
func (m message) one(name string) string {
	if v := m[name]; len(v) > 0 {
		text, _ := v[len(v)-1].(string)
		return text
	}
	return ""
}

// sub is the last value of a message field, nil if it is absent or no message.
func (m message) sub(name string) message {
	if v := m[name]; len(v) > 0 {
		sub, _ := v[len(v)-1].(message)
		return sub
	}
	return nil
}
