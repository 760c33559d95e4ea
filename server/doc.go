package server

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
)

// Doc says what a route takes and answers. The OpenAPI document is made of these; what follows from the rest of the
// route (parameters of the path, who may call, the errors of every request) is not repeated here.
type Doc struct {
	Summary string
	Query   map[string]string // arguments of the URL, with what they mean
	Headers map[string]string // headers that change the answer, with what they mean
	// Body is the JSON that is sent, nil for none. It is given the signature of the model that the document is for, nil
	// for one of all models.
	Body     func(*graph.Signature) Schema
	Optional bool     // the body may be left out
	Others   []string // media types that the body may have instead of JSON; the only ones where Body is nil
	Answer   Schema   // the JSON of an answer 200, nil for any text
	Media    []string // media types of the answer other than application/json; the only ones where Answer is nil
	Errors   []int    // statuses of errors beside those that any request can have
	Error    Schema   // of errors where Route.Error writes them
}

// Statuses that routes have beside those of any request: for one that names a model, and for one that runs it.
var (
	NamesModel = []int{fasthttp.StatusNotFound, fasthttp.StatusServiceUnavailable}
	RunsModel  = append([]int{fasthttp.StatusTooManyRequests, fasthttp.StatusNotImplemented, fasthttp.StatusGatewayTimeout}, NamesModel...)
)

// Schema is a JSON schema, draft 2020-12 as in OpenAPI 3.1.
type Schema = map[string]any

// Fixed is a body that is the same for every model.
func Fixed(s Schema) func(*graph.Signature) Schema {
	return func(*graph.Signature) Schema { return s }
}

// Text, Truth and Whole are schemas of a string, a boolean and an integer of at least least; Values is any JSON.
func Text() Schema           { return Schema{"type": "string"} }
func Truth() Schema          { return Schema{"type": "boolean"} }
func Whole(least int) Schema { return Schema{"type": "integer", "minimum": least} }
func Values() Schema         { return Schema{} }

// List is an array with at least least elements.
func List(of Schema, least int) Schema {
	return Schema{"type": "array", "items": of, "minItems": least}
}

// Object is an object with the given members and no others.
func Object(members map[string]Schema, required ...string) Schema {
	s := OpenObject(members, required...)
	s["additionalProperties"] = false
	return s
}

// OpenObject is Object with others beside, which are passed over.
func OpenObject(members map[string]Schema, required ...string) Schema {
	s := Schema{"type": "object"}
	if members != nil {
		s["properties"] = members
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// OneKey is an object with exactly one of the members in one, and any of those in beside.
func OneKey(one, beside map[string]Schema) Schema {
	var forms []Schema
	for name, s := range one {
		members := map[string]Schema{name: s}
		for n, b := range beside {
			members[n] = b
		}
		forms = append(forms, Object(members, name))
	}
	return Schema{"oneOf": forms}
}

// SchemaOf is the schema of what encoding/json writes for a value of v's type. A nil list or map is null.
func SchemaOf(v any) Schema { return schemaOf(reflect.TypeOf(v)) }

func schemaOf(t reflect.Type) Schema {
	if t == reflect.TypeFor[json.RawMessage]() || t.Kind() == reflect.Interface {
		return Values()
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return Text()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return orNull(schemaOf(t.Elem()))
	case reflect.String:
		return Text()
	case reflect.Bool:
		return Truth()
	case reflect.Float32, reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice:
		return orNull(List(schemaOf(t.Elem()), 0))
	case reflect.Map:
		return orNull(Schema{"type": "object", "additionalProperties": schemaOf(t.Elem())})
	case reflect.Struct:
		members := map[string]Schema{}
		return Object(members, addFields(members, t)...)
	}
	return Schema{"type": "integer"}
}

func orNull(s Schema) Schema { return Schema{"anyOf": []Schema{s, {"type": "null"}}} }

// addFields adds the fields of a struct and those of its embedded ones, and returns those that are always there.
func addFields(members map[string]Schema, t reflect.Type) (required []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer { // absent as a whole where it is nil
				addFields(members, embedded.Elem())
				continue
			}
			required = append(required, addFields(members, embedded)...)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			members[name] = schemaOf(f.Type)
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
		}
	}
	return required
}
