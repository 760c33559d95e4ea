package tfserving

import (
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// format is how a request names its inputs; the answer follows it.
type format int

const (
	none    format = iota
	rows           // "instances": a list with an entry per row → "predictions"
	columns        // "inputs": a whole tensor per input → "outputs"
)

func predict(p pin) func(*server.Request) error {
	return func(r *server.Request) error {
		engine, err := p.ready(r)
		if err != nil {
			return err
		}
		body, err := r.Body()
		if err != nil {
			return err
		}
		s, err := r.Begin(engine)
		if err != nil {
			return err
		}
		f, err := decode(s, body)
		if err != nil {
			return err
		}
		if err := r.Run(s); err != nil {
			return err
		}
		if f == rows {
			r.Out, err = appendRows(r.Out, engine.Signature, s.Outputs)
		} else {
			r.Out = appendColumns(r.Out, engine.Signature, s.Outputs)
		}
		if err != nil {
			return err
		}
		r.ReplyJSON(r.Out)
		return nil
	}
}

// decode reads the body into the inputs of s.
func decode(s *server.Session, body []byte) (f format, err error) {
	c, err := jsontensor.Use(&s.Scratch, s.Engine.Signature)
	if err != nil {
		return none, err
	}
	c.Reset(body, jsontensor.Options{NonFinite: true, Base64: true})
	if err := c.Object(); err != nil {
		return none, err
	}
	named := false
	for first := true; ; first = false {
		key, ok, err := c.Key(first)
		if err != nil {
			return none, err
		}
		if !ok {
			break
		}
		switch string(key) {
		case "signature_name":
			if named {
				return none, c.Fail("the key occurs twice")
			}
			named = true
			name, err := c.Text()
			if err != nil {
				return none, err
			}
			if len(name) > 0 && string(name) != signatureName {
				return none, server.Fail(graph.ErrInput, "Serving signature name: %q not found in signature def", name)
			}
		case "instances", "inputs":
			if f != none {
				return none, server.Fail(graph.ErrInput, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
			}
			if string(key) == "instances" {
				f = rows
				_, err = c.Rows(s.Inputs)
			} else {
				f = columns
				err = c.Tensors(s.Inputs)
			}
			if err != nil {
				return none, err
			}
		default:
			return none, c.Fail("unknown key, expected instances, inputs or signature_name")
		}
	}
	if err := c.End(); err != nil {
		return none, err
	}
	if f == none {
		return none, server.Fail(graph.ErrInput, "Missing 'inputs' or 'instances' key")
	}
	return f, nil
}

// Tensors are on one line, objects are indented: TensorFlow Serving switches the writer back and forth so.
var (
	text     = jsontensor.Style{Comma: ", ", PointZero: true, NonFinite: true}
	inBase64 = jsontensor.Style{Comma: ", ", PointZero: true, NonFinite: true, Bytes: true}
)

// style is that of an output: text, or base64 where the name says so.
func style(out *graph.Output) *jsontensor.Style {
	if out.DType == tensor.String && strings.HasSuffix(out.Name, "_bytes") {
		return &inBase64
	}
	return &text
}

// appendRows writes {"predictions": […]}, an entry per row: the value of the one output, or an object of all.
func appendRows(dst []byte, sig *graph.Signature, outs []*tensor.Tensor) ([]byte, error) {
	for i, t := range outs {
		if len(t.Shape) == 0 {
			return dst, server.Fail(graph.ErrInput, "Tensor name: %s has no shape information", sig.Outputs[i].Name)
		}
		if t.Shape[0] != outs[0].Shape[0] {
			return dst, server.Fail(graph.ErrInput, "Tensor name: %s has inconsistent batch size: %d expecting: %d",
				sig.Outputs[i].Name, t.Shape[0], outs[0].Shape[0])
		}
	}
	dst = append(dst, "{\n    \"predictions\": ["...)
	if len(outs) == 1 {
		st, at := style(&sig.Outputs[0]), 0
		for i := range outs[0].Shape[0] {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst, at = st.Append(dst, outs[0], 1, at)
		}
		return append(dst, "\n    ]\n}"...), nil
	}
	for i := range outs[0].Shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, "\n        {"...)
		for j, t := range outs {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, "\n            "...)
			dst = jsontensor.AppendString(dst, sig.Outputs[j].Name)
			dst = append(dst, ": "...)
			dst, _ = style(&sig.Outputs[j]).Append(dst, t, 1, i*t.Len()/max(1, t.Shape[0]))
		}
		dst = append(dst, "\n        }"...)
	}
	return append(dst, "\n    ]\n}"...), nil
}

// appendColumns writes {"outputs": …}: the tensor of the one output, or an object of all. Here TensorFlow Serving puts
// every element on a line of its own.
func appendColumns(dst []byte, sig *graph.Signature, outs []*tensor.Tensor) []byte {
	dst = append(dst, "{\n    \"outputs\": "...)
	if len(outs) == 1 {
		dst, _ = appendIndented(dst, style(&sig.Outputs[0]), outs[0], 0, 0, 1)
		return append(dst, "\n}"...)
	}
	dst = append(dst, '{')
	for j, t := range outs {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = append(newLine(dst, 2), jsontensor.AppendString(nil, sig.Outputs[j].Name)...)
		dst, _ = appendIndented(append(dst, ": "...), style(&sig.Outputs[j]), t, 0, 0, 2)
	}
	return append(dst, "\n    }\n}"...)
}

// appendIndented writes the elements of t from axis on, starting at element at. It returns the next element.
func appendIndented(dst []byte, st *jsontensor.Style, t *tensor.Tensor, axis, at, level int) ([]byte, int) {
	if axis == len(t.Shape) {
		return st.Append(dst, t, axis, at)
	}
	if t.Shape[axis] == 0 {
		return append(dst, "[]"...), at
	}
	dst = append(dst, '[')
	for i := range t.Shape[axis] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, at = appendIndented(newLine(dst, level+1), st, t, axis+1, at, level+1)
	}
	return append(newLine(dst, level), ']'), at
}

// newLine ends a line and indents the next one.
func newLine(dst []byte, level int) []byte {
	dst = append(dst, '\n')
	for range level {
		dst = append(dst, "    "...)
	}
	return dst
}
