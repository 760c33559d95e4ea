package jsontensor

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// RowsSchema is the JSON schema of what Codec.Rows reads for a model; nil stands for any.
func RowsSchema(s *graph.Signature) map[string]any {
	row := map[string]any{}
	if s != nil {
		row = rowSchema(s)
	}
	return map[string]any{"type": "array", "items": row, "minItems": 1}
}

func rowSchema(s *graph.Signature) map[string]any {
	l, err := NewLayout(s)
	if err != nil {
		return map[string]any{"not": map[string]any{}} // no JSON is a row of it
	}
	var forms []any
	switch {
	case l.Tabular && len(l.columns) == 1:
		in := l.inputs[0]
		forms = append(forms, elementSchema(in))
		if len(in.Shape) == 2 {
			forms = append(forms, nested(in, in.Shape[1:]))
		}
	case l.Tabular:
		var columns []any
		for _, c := range l.columns {
			columns = append(columns, elementSchema(l.inputs[c.input]))
		}
		forms = append(forms, map[string]any{"type": "array", "prefixItems": columns, "minItems": len(columns), "maxItems": len(columns)})
	case len(l.inputs) == 1:
		forms = append(forms, nested(l.inputs[0], l.inputs[0].Shape[1:]))
	}
	members, required := map[string]any{}, []string{}
	for _, in := range l.inputs {
		members[in.Name] = nested(in, in.Shape[1:])
		if len(in.Shape) == 2 && in.Shape[1] == 1 {
			members[in.Name] = map[string]any{"anyOf": []any{elementSchema(in), members[in.Name]}}
		}
		if !in.Missing {
			required = append(required, in.Name)
		}
	}
	forms = append(forms, map[string]any{"type": "object", "properties": members, "required": required, "additionalProperties": false})
	forms = append(forms, l.columnForms()...)
	return map[string]any{"anyOf": forms}
}

// columnForms is rows as an object by column, where columns have names that are not those of inputs.
func (l *Layout) columnForms() (forms []any) {
	members, required, named := map[string]any{}, []string{}, false
	for _, c := range l.columns {
		if c.name == "" {
			return nil
		}
		named = named || c.name != l.inputs[c.input].Name
		members[c.name] = elementSchema(l.inputs[c.input])
		if !l.inputs[c.input].Missing {
			required = append(required, c.name)
		}
	}
	if !named {
		return nil
	}
	return []any{map[string]any{"type": "object", "properties": members, "required": required, "additionalProperties": false}}
}

// TensorsSchema is the JSON schema of what Codec.Tensors reads.
func TensorsSchema(s *graph.Signature) map[string]any {
	if s == nil {
		return map[string]any{}
	}
	members, required := map[string]any{}, []string{}
	for _, in := range s.Inputs {
		whole := nested(in, in.Shape)
		if len(in.Shape) > 0 && in.Shape[0] < 0 {
			whole["minItems"] = 0
		}
		members[in.Name] = whole
		required = append(required, in.Name)
	}
	object := map[string]any{"type": "object", "properties": members, "required": required, "additionalProperties": false}
	if len(s.Inputs) != 1 {
		return object
	}
	return map[string]any{"anyOf": []any{object, members[s.Inputs[0].Name]}}
}

// nested is lists in lists for the axes of a shape.
func nested(in graph.Input, shape []int) map[string]any {
	if len(shape) == 0 {
		return elementSchema(in)
	}
	list := map[string]any{"type": "array", "items": nested(in, shape[1:]), "minItems": max(shape[0], 1)}
	if shape[0] >= 0 {
		list["minItems"], list["maxItems"] = shape[0], shape[0]
	}
	return list
}

// elementSchema is one value of an input.
func elementSchema(in graph.Input) map[string]any {
	s := map[string]any{"type": "number"}
	switch d := in.DType; d {
	case tensor.String:
		s["type"] = "string"
	case tensor.Bool:
		s["type"] = "boolean"
	case tensor.Float16:
		s["exclusiveMinimum"], s["exclusiveMaximum"] = -65520, 65520
	case tensor.Float32, tensor.BFloat16: // what rounds to a finite number; the shortest text of this bound still does
		s["minimum"], s["maximum"] = -0x1.ffffffp127, 0x1.ffffffp127
	case tensor.Float64:
	default:
		s["type"] = "integer"
		bits := 8 * d.Size()
		s["minimum"], s["maximum"] = -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
		if d == tensor.Uint8 || d == tensor.Uint16 || d == tensor.Uint32 || d == tensor.Uint64 {
			s["minimum"], s["maximum"] = 0, math.Ldexp(1, bits)-1
		}
	}
	if in.Missing {
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
	}
	return s
}
