package kserve

import (
	"bytes"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// maxDepth bounds values that are passed over: parameters of clients that mean something to other servers.
const maxDepth = 16

// maxRank is the largest number of axes of an input.
const maxRank = 16

// ask is what a request says beside the tensors. It is kept with the session and used again.
type ask struct {
	jsontensor.Decoder
	id        []byte // nil for none
	outputs   []wanted
	allBinary bool  // outputs that do not say otherwise are binary
	timeout   int64 // that the client waits, in microseconds; 0 for none of its own
	priority  int64 // 1 is served first, 0 is the usual one
	given     []bool
	texts     []tensor.Tensor // the classes of outputs that are asked for as such

	// The JSON that was read last, for as long as all inputs were binary: a client sends the same again and again.
	head     []byte
	headRest int // bytes behind it
	parts    []part
	keptID   []byte // where id is
}

// part is the place of an input behind the JSON.
type part struct {
	input, size int
	shape       []int
}

// maxHead bounds the JSON that is remembered.
const maxHead = 4 << 10

// wanted is an output that the client asks for.
type wanted struct {
	index   int // in the signature
	binary  bool
	decided bool // the request says whether it is binary
	classes int  // the most probable classes instead of the tensor, 0 for the tensor
}

// use returns the ask kept with a session.
func use(s *server.Session) *ask {
	q, ok := s.Scratch.(*ask)
	if !ok {
		q = &ask{given: make([]bool, len(s.Inputs)), texts: make([]tensor.Tensor, len(s.Outputs)), keptID: make([]byte, 0, 64)}
		s.Scratch = q
	}
	return q
}

// forget makes q that of a request that says nothing.
func (q *ask) forget() {
	q.id, q.outputs, q.allBinary, q.timeout, q.priority = nil, q.outputs[:0], false, 0, 0
	q.head, q.parts = q.head[:0], q.parts[:0]
	clear(q.given)
}

// decode reads a request, whose first bytes are JSON and the rest tensors, into the inputs of s. Errors wrap
// graph.ErrInput.
func (q *ask) decode(s *server.Session, header, rest []byte) error {
	if len(q.head) > 0 && len(rest) == q.headRest && bytes.Equal(header, q.head) {
		for i := range q.parts {
			p := &q.parts[i]
			if err := readBinary(s.Inputs[p.input], s.Engine.Signature.Inputs[p.input].Name, p.shape, rest[:p.size]); err != nil {
				return err
			}
			rest = rest[p.size:]
		}
		return nil
	}
	q.forget()
	if len(header) > maxHead || len(rest) == 0 {
		return q.read(s, header, rest)
	}
	head := append(q.head, header...) // reading undoes escapes in place
	if err := q.read(s, header, rest); err != nil {
		return err
	}
	if len(q.parts) == len(q.given) {
		q.head, q.headRest = head, len(rest)
	}
	return nil
}

// read is decode of what was not read before.
func (q *ask) read(s *server.Session, header, rest []byte) error {
	q.Reset(header, jsontensor.Options{NonFinite: true})
	if err := q.Object(); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := q.Key(first)
		if err == nil && !ok {
			break
		}
		if err == nil {
			switch string(key) {
			case "id":
				var id []byte
				id, err = q.Text()
				q.keptID = append(q.keptID[:0], id...)
				q.id = q.keptID
			case "parameters":
				err = q.Members(q.parameter)
			case "inputs":
				err = q.Each(func(int) error { return q.input(s, &rest) })
			case "outputs":
				err = q.Each(func(int) error { return q.output(s.Engine.Signature) })
			default: // model_name and what other servers know
				err = q.Skip(maxDepth)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := q.End(); err != nil {
		return err
	}
	for i, ok := range q.given {
		if !ok {
			return server.Fail(graph.ErrInput, "expected %d inputs for model '%s', input '%s' is missing",
				len(q.given), s.Engine.Name, s.Engine.Signature.Inputs[i].Name)
		}
	}
	if len(rest) > 0 {
		return server.Fail(graph.ErrInput, "unexpected additional input data for model '%s': %d bytes behind the last tensor", s.Engine.Name, len(rest))
	}
	q.complete(s.Engine.Signature)
	return nil
}

// parameter reads a parameter of the request.
func (q *ask) parameter(key []byte) (err error) {
	switch string(key) {
	case "binary_data_output":
		q.allBinary, err = q.Bool()
	case "timeout":
		q.timeout, err = q.Int(0)
	case "priority":
		q.priority, err = q.Int(0)
	default:
		err = q.Skip(maxDepth)
	}
	return err
}

// input reads one input. Its data may stand before its shape, and is then read when the rest is known.
func (q *ask) input(s *server.Session, rest *[]byte) error {
	var (
		shape         [maxRank]int
		rank          = -1
		index, binary = -1, -1
		typ           []byte
		data          jsontensor.Mark
		sig           = s.Engine.Signature
	)
	err := q.Members(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			var name []byte
			if name, err = q.Text(); err != nil {
				return err
			}
			for i := range sig.Inputs {
				if sig.Inputs[i].Name == string(name) {
					index = i
				}
			}
			switch {
			case index < 0:
				return q.Fail("unexpected inference input '" + string(name) + "' for model '" + s.Engine.Name + "'")
			case q.given[index]:
				return q.Fail("input '" + string(name) + "' already exists in request")
			}
			q.given[index] = true
			return nil
		case "datatype":
			typ, err = q.Text()
			return err
		case "shape":
			rank = 0
			return q.Each(func(i int) error {
				if i == maxRank {
					return q.Fail("more axes than any model has")
				}
				d, err := q.Int(0)
				if err == nil && d > math.MaxInt32 {
					err = q.Fail("more elements than a request can hold")
				}
				shape[i], rank = int(d), i+1
				return err
			})
		case "parameters":
			return q.Members(func(key []byte) error {
				if string(key) != "binary_data_size" {
					return q.Skip(maxDepth)
				}
				n, err := q.Int(0)
				if err == nil && n > int64(len(*rest)) {
					err = q.Fail("larger than what is left of the body")
				}
				binary = int(n)
				return err
			})
		case "data":
			data = q.Mark()
		}
		return q.Skip(maxDepth)
	})
	if err != nil {
		return err
	}
	switch {
	case index < 0:
		return q.Fail("an input without a name")
	case rank < 0:
		return q.Fail("input '" + sig.Inputs[index].Name + "' has no shape")
	}
	t := s.Inputs[index]
	switch want := typeOf(t.DType).name; {
	case string(typ) != want:
		return q.Fail("inference input '" + sig.Inputs[index].Name + "' data-type is '" + string(typ) + "', but model '" + s.Engine.Name + "' expects '" + want + "'")
	case binary >= 0 && data != 0:
		return q.Fail("input '" + sig.Inputs[index].Name + "' has both data and binary_data_size")
	case binary >= 0:
		raw := (*rest)[:binary]
		*rest = (*rest)[binary:]
		q.remember(index, binary, shape[:rank])
		return readBinary(t, sig.Inputs[index].Name, shape[:rank], raw)
	case data == 0:
		return q.Fail("input '" + sig.Inputs[index].Name + "' has no data")
	case halfFloat(t.DType):
		return q.Fail("receiving " + string(typ) + " data via JSON is not supported, please use the binary data format for input '" + sig.Inputs[index].Name + "'")
	}
	end := q.Return(data)
	if err := q.Elements(t, shape[:rank]); err != nil {
		return err
	}
	q.Return(end)
	return nil
}

// remember notes an input that is binary.
func (q *ask) remember(input, size int, shape []int) {
	n := len(q.parts)
	if n < cap(q.parts) {
		q.parts = q.parts[:n+1] // with the shape that was there, for its memory
	} else {
		q.parts = append(q.parts, part{})
	}
	p := &q.parts[n]
	p.input, p.size, p.shape = input, size, append(p.shape[:0], shape...)
}

// output reads one entry of the outputs that are asked for.
func (q *ask) output(sig *graph.Signature) error {
	w := wanted{index: -1}
	err := q.Members(func(key []byte) error {
		switch string(key) {
		case "name":
			name, err := q.Text()
			if err != nil {
				return err
			}
			for i := range sig.Outputs {
				if sig.Outputs[i].Name == string(name) {
					w.index = i
				}
			}
			if w.index < 0 {
				return q.Fail("unexpected inference output '" + string(name) + "'")
			}
			return nil
		case "parameters":
			return q.Members(func(key []byte) (err error) {
				switch string(key) {
				case "binary_data":
					w.decided = true
					w.binary, err = q.Bool()
				case "classification":
					var n int64
					n, err = q.Int(0)
					w.classes = int(min(n, math.MaxInt32))
				default:
					err = q.Skip(maxDepth)
				}
				return err
			})
		}
		return q.Skip(maxDepth)
	})
	if err != nil {
		return err
	}
	if w.index < 0 {
		return q.Fail("an output without a name")
	}
	for _, other := range q.outputs {
		if other.index == w.index {
			return q.Fail("output '" + sig.Outputs[w.index].Name + "' already requested")
		}
	}
	q.outputs = append(q.outputs, w)
	return nil
}

// complete settles what the request left open about outputs: all of them, JSON unless all are to be binary.
func (q *ask) complete(sig *graph.Signature) {
	if len(q.outputs) == 0 {
		for i := range sig.Outputs {
			q.outputs = append(q.outputs, wanted{index: i})
		}
	}
	for i := range q.outputs {
		if w := &q.outputs[i]; !w.decided {
			w.binary = q.allBinary
		}
	}
}
