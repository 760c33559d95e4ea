package kserve

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// headerLength is where the JSON of a request or answer ends and its tensors begin, in bytes.
const headerLength = "Inference-Header-Content-Length"

func infer(r *server.Request) error {
	_, engine, err := pick(r)
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	split := len(body)
	text := r.RequestHeader(headerLength)
	if len(text) > 0 {
		n, err := strconv.ParseUint(string(text), 10, 31)
		if err != nil || int(n) > len(body) {
			return server.Fail(graph.ErrInput, "%s: expected a number of bytes from 0 to %d, the length of the body", headerLength, len(body))
		}
		split = int(n)
	}
	s, err := r.Begin(engine)
	if err != nil {
		return err
	}
	q := use(s)
	if split == 0 && len(text) > 0 {
		err = q.raw(s, body)
	} else {
		err = q.decode(s, body[:split], body[split:])
	}
	if err != nil {
		return err
	}
	if q.timeout > 0 {
		r.SetTimeout(microseconds(q.timeout))
	}
	setPriority(r, q.priority)
	if err := r.Run(s); err != nil {
		return err
	}
	return q.reply(r, s)
}

// raw reads a body that is nothing but the one input of the model, of one row.
func (q *ask) raw(s *server.Session, body []byte) error {
	q.forget()
	sig := s.Engine.Signature
	if len(sig.Inputs) != 1 {
		return server.Fail(graph.ErrInput, "raw request: expected a model with one input, '%s' has %d", s.Engine.Name, len(sig.Inputs))
	}
	in, t := &sig.Inputs[0], s.Inputs[0]
	var shape [maxRank]int
	if len(in.Shape) > maxRank {
		return server.Fail(graph.ErrInput, "raw request: input '%s' has more than %d axes", in.Name, maxRank)
	}
	known, open := 1, -1
	for i, d := range in.Shape {
		switch {
		case d < 0 && i == 0:
			d = 1
		case d < 0 && open >= 0:
			return server.Fail(graph.ErrInput, "raw request: input '%s' has more than one axis of unknown size", in.Name)
		case d < 0:
			open = i
			continue
		}
		shape[i] = d
		known *= max(d, 1)
	}
	if t.DType == tensor.String {
		if known != 1 {
			return server.Fail(graph.ErrInput, "raw request: input '%s' is not a single text", in.Name)
		}
		if open >= 0 {
			shape[open] = 1
		}
		t.Resize(shape[:len(in.Shape)]...)
		t.Strings[0] = string(body)
	} else {
		if open >= 0 {
			shape[open] = len(body) / (known * t.DType.Size())
		}
		if err := readBinary(t, in.Name, shape[:len(in.Shape)], body); err != nil {
			return err
		}
	}
	q.allBinary = true
	q.complete(sig)
	return nil
}

// style is how the JSON of an answer holds tensors.
var style = jsontensor.Style{Comma: ",", NonFinite: true}

// reply writes the answer: JSON, then the outputs that are binary.
func (q *ask) reply(r *server.Request, s *server.Session) error {
	dst := append(r.Out, `{"model_name":`...)
	dst = jsontensor.AppendString(dst, s.Engine.Name)
	dst = append(dst, `,"model_version":"`...)
	dst = strconv.AppendInt(dst, s.Engine.Version, 10)
	dst = append(dst, '"')
	if q.id != nil {
		dst = append(dst, `,"id":`...)
		dst = appendText(dst, q.id)
	}
	dst = append(dst, `,"outputs":[`...)
	anyBinary := false
	for i, w := range q.outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		t, err := q.tensor(s, w)
		if err != nil {
			return err
		}
		dst = append(dst, `{"name":`...)
		dst = jsontensor.AppendString(dst, s.Engine.Signature.Outputs[w.index].Name)
		dst = append(dst, `,"datatype":"`...)
		dst = append(dst, typeOf(t.DType).name...)
		dst = append(dst, `","shape":[`...)
		for j, d := range t.Shape {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, int64(d), 10)
		}
		dst = append(dst, ']')
		if w.binary {
			anyBinary = true
			dst = append(dst, `,"parameters":{"binary_data_size":`...)
			dst = strconv.AppendInt(dst, int64(binarySize(t)), 10)
			dst = append(dst, "}}"...)
			continue
		}
		dst = append(dst, `,"data":[`...)
		for j := range t.Len() {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst, _ = style.Append(dst, t, len(t.Shape), j)
		}
		dst = append(dst, "]}"...)
	}
	dst = append(dst, "]}"...)
	contentType := "application/json"
	if anyBinary {
		var digits [20]byte
		r.HeaderBytes(headerLength, strconv.AppendInt(digits[:0], int64(len(dst)), 10))
		contentType = "application/octet-stream"
		for _, w := range q.outputs {
			if w.binary {
				t, err := q.tensor(s, w)
				if err != nil {
					return err
				}
				dst = appendBinary(dst, t)
			}
		}
	}
	r.Out = dst
	r.Reply(contentType, dst)
	return nil
}

// tensor is what the answer holds for an output.
func (q *ask) tensor(s *server.Session, w wanted) (*tensor.Tensor, error) {
	t, name := s.Outputs[w.index], s.Engine.Signature.Outputs[w.index].Name
	switch {
	case w.classes > 0:
		return &q.texts[w.index], classify(&q.texts[w.index], t, s.Engine.Signature.Outputs[w.index], w.classes)
	case typeOf(t.DType).name == "":
		return nil, server.Fail(graph.ErrUnsupported, "output '%s' has dtype %s, for which the protocol has no name", name, t.DType)
	case !w.binary && halfFloat(t.DType):
		return nil, server.Fail(graph.ErrInput, "sending %s data via JSON is not supported, please use the binary data format for output '%s'", typeOf(t.DType).name, name)
	}
	return t, nil
}

// appendText writes bytes of the request as a JSON string.
func appendText(dst, text []byte) []byte { return jsontensor.AppendString(dst, string(text)) }
