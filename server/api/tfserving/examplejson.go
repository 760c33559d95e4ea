package tfserving

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// examples answers :classify and :regress.
func examples(p pin, method string) func(*server.Request) error {
	return func(r *server.Request) error {
		engine, err := p.ready(r)
		if err != nil {
			return err
		}
		if err := demand(engine.Signature, method); err != nil {
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
		input, err := decodeExamples(body)
		if err != nil {
			return err
		}
		b, err := newBatch(input, r.MaxRows(engine))
		if err != nil {
			return err
		}
		if err := b.read(s); err != nil {
			return err
		}
		if err := r.Run(s); err != nil {
			return err
		}
		if method == classifyMethod {
			result, err := classify(engine.Signature, s.Outputs, len(b.examples))
			if err != nil {
				return err
			}
			r.Out = appendClasses(r.Out, result)
		} else {
			result, err := regress(engine.Signature, s.Outputs, len(b.examples))
			if err != nil {
				return err
			}
			r.Out = appendNumbers(r.Out, result)
		}
		r.ReplyJSON(r.Out)
		return nil
	}
}

// decodeExamples reads {"signature_name": …, "context": {…}, "examples": [{…}, …]}.
func decodeExamples(body []byte) (*tensorflow.Input, error) {
	var d jsontensor.Decoder
	d.Reset(body, jsontensor.Options{NonFinite: true, Base64: true})
	if err := d.Object(); err != nil {
		return nil, err
	}
	list := &tensorflow.ExampleListWithContext{}
	seen := map[string]bool{}
	for first := true; ; first = false {
		key, ok, err := d.Key(first)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		name := string(key)
		if seen[name] {
			return nil, d.Fail("the key occurs twice")
		}
		seen[name] = true
		switch name {
		case "signature_name":
			var text []byte
			if text, err = d.Text(); err == nil && len(text) > 0 && string(text) != signatureName {
				err = d.Fail(fmt.Sprintf("No signature was found with the name: %q", text))
			}
		case "context":
			list.Context, err = decodeExample(&d)
		case "examples":
			err = d.Each(func(int) error {
				e, err := decodeExample(&d)
				list.Examples = append(list.Examples, e)
				return err
			})
			if err == nil && len(list.Examples) == 0 {
				err = d.Fail("value is an empty array")
			}
		default:
			err = d.Fail("unknown key, expected examples, context or signature_name")
		}
		if err != nil {
			return nil, err
		}
	}
	if err := d.End(); err != nil {
		return nil, err
	}
	if !seen["examples"] {
		return nil, server.Fail(graph.ErrInput, "When method is classify, key 'examples' is expected and was not found")
	}
	return &tensorflow.Input{Kind: &tensorflow.Input_ExampleListWithContext{ExampleListWithContext: list}}, nil
}

// decodeExample reads an object of features.
func decodeExample(d *jsontensor.Decoder) (*tensorflow.Example, error) {
	features := map[string]*tensorflow.Feature{}
	err := d.Members(func(key []byte) error {
		name := string(key)
		if features[name] != nil {
			return d.Fail("the key occurs twice")
		}
		f, err := decodeFeature(d)
		features[name] = f
		return err
	})
	return &tensorflow.Example{Features: &tensorflow.Features{Feature: features}}, err
}

// decodeFeature reads a value or a list of values. Numbers are whole ones if all of them are.
func decodeFeature(d *jsontensor.Decoder) (*tensorflow.Feature, error) {
	var v values
	var err error
	if d.Kind() == "an array" {
		err = d.Each(func(int) error { return v.read(d) })
	} else {
		err = v.read(d)
	}
	return v.feature(), err
}

// values are those of a feature in the making.
type values struct {
	texts  [][]byte
	wholes []int64
	floats []float32 // of the wholes too, once there is one
}

func (v *values) read(d *jsontensor.Decoder) error {
	kind := d.Kind()
	text := kind == "a string" || kind == "an object"
	if text && v.wholes != nil || !text && v.texts != nil {
		return d.Fail("Unexpected element type in feature")
	}
	switch kind {
	case "a string", "an object":
		s, err := d.TextOrBytes()
		v.texts = append(v.texts, []byte(s))
		return err
	case "true", "false":
		b, err := d.Bool()
		v.number(map[bool]int64{true: 1}[b], 0, true)
		return err
	case "a number", "NaN", "Infinity":
		n, f, whole, err := d.Number()
		v.number(n, f, whole)
		return err
	}
	return d.Fail("has element with unexpected JSON type: " + kind)
}

// number takes a number. wholes counts the others too, as 0.
func (v *values) number(n int64, f float32, whole bool) {
	if !whole && v.floats == nil {
		v.floats = []float32{}
		for _, w := range v.wholes {
			v.floats = append(v.floats, float32(w))
		}
	}
	if whole {
		f = float32(n)
	}
	v.wholes = append(v.wholes, n)
	if v.floats != nil {
		v.floats = append(v.floats, f)
	}
}

func (v *values) feature() *tensorflow.Feature {
	switch {
	case v.texts != nil:
		return &tensorflow.Feature{Kind: &tensorflow.Feature_BytesList{BytesList: &tensorflow.BytesList{Value: v.texts}}}
	case v.floats != nil:
		return &tensorflow.Feature{Kind: &tensorflow.Feature_FloatList{FloatList: &tensorflow.FloatList{Value: v.floats}}}
	}
	return &tensorflow.Feature{Kind: &tensorflow.Feature_Int64List{Int64List: &tensorflow.Int64List{Value: v.wholes}}}
}

// appendClasses writes {"results": [[[label, score], …], …]}.
func appendClasses(dst []byte, result *tensorflow.ClassificationResult) []byte {
	dst = append(dst, "{\n    \"results\": ["...)
	for i, row := range result.Classifications {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '[')
		for j, class := range row.Classes {
			if j > 0 {
				dst = append(dst, ", "...)
			}
			dst = jsontensor.AppendString(append(dst, '['), class.Label)
			dst = text.Float(append(dst, ", "...), float64(class.Score), 32)
			dst = append(dst, ']')
		}
		dst = append(dst, ']')
	}
	return append(dst, "\n    ]\n}"...)
}

// appendNumbers writes {"results": [number, …]}.
func appendNumbers(dst []byte, result *tensorflow.RegressionResult) []byte {
	dst = append(dst, "{\n    \"results\": ["...)
	for i, r := range result.Regressions {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = text.Float(dst, float64(r.Value), 32)
	}
	return append(dst, "]\n}"...)
}
