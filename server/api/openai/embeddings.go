package openai

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// ask is a decoded request. Token ids of all inputs lie in one list.
type ask struct {
	model      []byte
	ids        []int64
	ends       []int // where each input ends in ids
	base64     bool
	dimensions int64
}

// maxTokens bounds the ids of one request. It is a bound of the body too: an id takes two bytes or more.
const maxTokens = 1 << 20

func embeddings(r *server.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	var a ask
	if err := a.decode(body); err != nil {
		return err
	}
	m, err := r.Models().Lookup(a.model)
	if err != nil {
		return server.Fail(server.ErrNotFound, "The model '%s' does not exist", a.model)
	}
	engine, err := m.Engine()
	if err != nil {
		return err
	}
	out, width, err := vector(engine.Signature)
	if err != nil {
		return err
	}
	if a.dimensions > 0 && width > 0 && a.dimensions != int64(width) {
		return server.Fail(graph.ErrInput, "dimensions: this model's vectors have %d, it was not trained for other lengths", width)
	}
	s, err := r.Begin(engine)
	if err != nil {
		return err
	}
	dst := append(r.Out, `{"object": "list", "data": [`...)
	for i := 0; i < len(a.ends); {
		n := a.together(i, engine.Signature.RowIndependent)
		if err := a.fill(s, i, n); err != nil {
			return err
		}
		if err := r.Run(s); err != nil {
			return err
		}
		if dst, err = a.append(dst, s.Outputs[out], i, n); err != nil {
			return err
		}
		i += n
	}
	dst = append(dst, `], "model": `...)
	dst = jsontensor.AppendString(dst, m.Name)
	dst = append(dst, `, "usage": {"prompt_tokens": `...)
	dst = strconv.AppendInt(dst, int64(len(a.ids)), 10)
	dst = append(dst, `, "total_tokens": `...)
	dst = strconv.AppendInt(dst, int64(len(a.ids)), 10)
	r.Out = append(dst, "}}"...)
	r.ReplyJSON(r.Out)
	return nil
}

// decode reads the body. Errors wrap graph.ErrInput.
func (a *ask) decode(body []byte) error {
	var d jsontensor.Decoder
	d.Reset(body, jsontensor.Options{})
	err := d.Members(func(key []byte) (err error) {
		switch string(key) {
		case "model":
			a.model, err = d.Text()
		case "input":
			err = a.input(&d)
		case "encoding_format":
			var format []byte
			format, err = d.Text()
			if err == nil && string(format) != "float" && string(format) != "base64" {
				err = d.Fail("expected float or base64")
			}
			a.base64 = string(format) == "base64"
		case "dimensions":
			a.dimensions, err = d.Int(1)
		case "user":
			_, err = d.Text()
		default:
			err = d.Fail("Unrecognized request argument supplied")
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case len(a.model) == 0:
		return server.Fail(graph.ErrInput, "you must provide a model parameter")
	case len(a.ends) == 0:
		return server.Fail(graph.ErrInput, "input: expected a list of token ids, or a list of such lists")
	}
	return d.End()
}

// input reads one list of token ids, or a list of them.
func (a *ask) input(d *jsontensor.Decoder) error {
	const text = "text needs a tokenizer, which models here do not have yet; send token ids, as a list of numbers or a list of such lists"
	if d.Kind() == "a string" {
		return d.Fail(text)
	}
	a.ids, a.ends = a.ids[:0], a.ends[:0]
	flat := false
	err := d.Each(func(i int) error {
		switch kind := d.Kind(); {
		case kind == "a string":
			return d.Fail(text)
		case kind != "an array":
			if len(a.ends) > 0 {
				return d.Fail("expected a list of token ids, found " + kind)
			}
			flat = true
			return a.id(d)
		case flat:
			return d.Fail("expected a token id, found an array")
		}
		from := len(a.ids)
		if err := d.Each(func(int) error { return a.id(d) }); err != nil {
			return err
		}
		if len(a.ids) == from {
			return d.Fail("an empty input")
		}
		a.ends = append(a.ends, len(a.ids))
		return nil
	})
	if err == nil && flat {
		a.ends = append(a.ends, len(a.ids))
	}
	return err
}

func (a *ask) id(d *jsontensor.Decoder) error {
	if len(a.ids) == maxTokens {
		return d.Fail("more than " + strconv.Itoa(maxTokens) + " token ids in one request")
	}
	id, err := d.Int(0)
	a.ids = append(a.ids, id)
	return err
}

// vector finds the output that is one vector per row, and its length if that is known. Errors wrap
// graph.ErrUnsupported.
func vector(s *graph.Signature) (output, width int, err error) {
	ids := 0
	for _, in := range s.Inputs {
		if len(in.Shape) != 2 || in.DType != tensor.Int64 && in.DType != tensor.Int32 {
			return 0, 0, server.Fail(graph.ErrInput, "this model makes no embeddings: input %q is not a table of token ids", in.Name)
		}
		if role(in.Name) == tokens {
			ids++
		}
	}
	if ids != 1 {
		return 0, 0, server.Fail(graph.ErrInput, "this model makes no embeddings: expected one input of token ids, found %d", ids)
	}
	for i, out := range s.Outputs {
		if len(out.Shape) == 2 && (out.DType == tensor.Float32 || out.DType == tensor.Float64 || out.DType == tensor.Float16 || out.DType == tensor.BFloat16) {
			return i, max(out.Shape[1], 0), nil
		}
	}
	return 0, 0, server.Fail(graph.ErrInput, "this model makes no embeddings: no output is one vector per row")
}

// roles of the inputs of encoders, by the names that exporters give them.
type inputRole int

const (
	tokens  inputRole = iota
	mask              // 1 for a token, 0 for padding: there is none
	segment           // 0 for the first sentence, the only one
)

func role(name string) inputRole {
	switch name {
	case "attention_mask", "input_mask":
		return mask
	case "token_type_ids", "segment_ids":
		return segment
	}
	return tokens
}

// together is how many inputs from i on can be rows of one run: those of one length, if rows do not depend on each other.
func (a *ask) together(i int, independent bool) int {
	n := 1
	for independent && i+n < len(a.ends) && a.length(i+n) == a.length(i) {
		n++
	}
	return n
}

func (a *ask) start(i int) int {
	if i == 0 {
		return 0
	}
	return a.ends[i-1]
}

func (a *ask) length(i int) int { return a.ends[i] - a.start(i) }

// fill writes inputs i to i+n-1 as rows.
func (a *ask) fill(s *server.Session, i, n int) error {
	for j, t := range s.Inputs {
		t.Resize(n, a.length(i))
		row := a.ids[a.start(i):a.ends[i+n-1]]
		for k, id := range row {
			switch role(s.Engine.Signature.Inputs[j].Name) {
			case mask:
				id = 1
			case segment:
				id = 0
			}
			if t.DType == tensor.Int64 {
				tensor.Data[int64](t)[k] = id
				continue
			}
			if id != int64(int32(id)) {
				return server.Fail(graph.ErrInput, "input: the token id %d is too large", id)
			}
			tensor.Data[int32](t)[k] = int32(id)
		}
	}
	return nil
}

var style = jsontensor.Style{Comma: ","}

// append writes the n rows of t as inputs i to i+n-1.
func (a *ask) append(dst []byte, t *tensor.Tensor, i, n int) ([]byte, error) {
	if len(t.Shape) != 2 || t.Shape[0] != n {
		return dst, server.Fail(graph.ErrInput, "this model makes no embeddings: %d inputs gave an output of shape %v", n, t.Shape)
	}
	width, at := t.Shape[1], 0
	for k := range n {
		if i+k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"object": "embedding", "index": `...)
		dst = strconv.AppendInt(dst, int64(i+k), 10)
		dst = append(dst, `, "embedding": `...)
		if !a.base64 {
			dst, at = style.Append(dst, t, 1, at)
		} else {
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, float32Bytes(t, k*width, width))
			dst = append(dst, '"')
		}
		dst = append(dst, '}')
	}
	return dst, nil
}

// float32Bytes is n elements of t from element at on as little-endian float32.
func float32Bytes(t *tensor.Tensor, at, n int) []byte {
	b := make([]byte, 0, 4*n)
	for i := at; i < at+n; i++ {
		var v float32
		switch t.DType {
		case tensor.Float32:
			v = tensor.Data[float32](t)[i]
		case tensor.Float64:
			v = float32(tensor.Data[float64](t)[i])
		case tensor.Float16:
			v = tensor.Data[tensor.F16](t)[i].Float32()
		case tensor.BFloat16:
			v = tensor.Data[tensor.BF16](t)[i].Float32()
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}
