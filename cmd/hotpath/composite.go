package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// A sequence is a JSON array of its items, an optional one of none or one, a map an object: keys that are numbers are written as text.

// decodeComposite reads a value of a composite type.
func decodeComposite(v any, want *graph.Value, path string) (*tensor.Tensor, error) {
	if want.DType == tensor.Map {
		return decodeMap(v, want, path)
	}
	list, ok := v.([]any)
	if !ok || want.Elem == nil {
		return nil, fmt.Errorf("%s: expected an array of the items of a %s: %w", path, want.DType, graph.ErrInput)
	}
	items := make([]*tensor.Tensor, len(list))
	for i, e := range list {
		var err error
		if items[i], err = decodeItem(e, want.Elem, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return nil, err
		}
	}
	return tensor.Compose(want.DType, items...), nil
}

func decodeItem(v any, want *graph.Value, path string) (*tensor.Tensor, error) {
	if want.DType.Composite() {
		return decodeComposite(v, want, path)
	}
	return decodeArray(v, &graph.Input{DType: want.DType}, path)
}

func decodeMap(v any, want *graph.Value, path string) (*tensor.Tensor, error) {
	object, ok := v.(map[string]any)
	if !ok || want.Elem == nil || want.Elem.DType.Composite() {
		return nil, fmt.Errorf("%s: expected an object: %w", path, graph.ErrInput)
	}
	var keys, values []any
	for _, k := range slices.Sorted(maps.Keys(object)) {
		if values = append(values, object[k]); want.Key == tensor.String {
			keys = append(keys, k)
		} else {
			keys = append(keys, json.Number(k))
		}
	}
	k, err := decodeArray(keys, &graph.Input{DType: want.Key}, path)
	if err != nil {
		return nil, err
	}
	t, err := decodeArray(values, &graph.Input{DType: want.Elem.DType}, path)
	return tensor.Compose(tensor.Map, k, t), err
}

// appendComposite writes a value of a composite type.
func appendComposite(b []byte, t *tensor.Tensor) []byte {
	if t.DType != tensor.Map {
		b = append(b, '[')
		for i, item := range t.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			at := 0
			b = appendArray(b, item, 0, &at)
		}
		return append(b, ']')
	}
	keys, values := t.Items[0], t.Items[1]
	b = append(b, '{')
	for i := range keys.Len() {
		if i > 0 {
			b = append(b, ", "...)
		}
		at := i
		key := appendArray(nil, keys, len(keys.Shape), &at)
		if keys.DType != tensor.String {
			key = []byte(strconv.Quote(string(key)))
		}
		at = i
		b = appendArray(append(append(b, key...), ": "...), values, len(values.Shape), &at)
	}
	return append(b, '}')
}
