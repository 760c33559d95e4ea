package kserve

import (
	"github.com/hotpath/hotpath/graph/tensor"
)

// datatype is a row of the table of element types: the protocol's name, that of a model configuration, and ours.
type datatype struct {
	name, config string
	dtype        tensor.DType
}

var datatypes = []datatype{
	{"BOOL", "TYPE_BOOL", tensor.Bool},
	{"UINT8", "TYPE_UINT8", tensor.Uint8},
	{"UINT16", "TYPE_UINT16", tensor.Uint16},
	{"UINT32", "TYPE_UINT32", tensor.Uint32},
	{"UINT64", "TYPE_UINT64", tensor.Uint64},
	{"INT8", "TYPE_INT8", tensor.Int8},
	{"INT16", "TYPE_INT16", tensor.Int16},
	{"INT32", "TYPE_INT32", tensor.Int32},
	{"INT64", "TYPE_INT64", tensor.Int64},
	{"FP16", "TYPE_FP16", tensor.Float16},
	{"FP32", "TYPE_FP32", tensor.Float32},
	{"FP64", "TYPE_FP64", tensor.Float64},
	{"BF16", "TYPE_BF16", tensor.BFloat16},
	{"BYTES", "TYPE_STRING", tensor.String},
}

// typeOf is the row of a dtype; one with empty names for a dtype that the protocol has no name for.
func typeOf(d tensor.DType) datatype {
	for _, t := range datatypes {
		if t.dtype == d {
			return t
		}
	}
	return datatype{"", "TYPE_INVALID", d}
}

// Datatype is the protocol's name of an element type, "" for one that it has none for.
func Datatype(d tensor.DType) string { return typeOf(d).name }

// DType is the element type of a name of the protocol.
func DType(name string) (d tensor.DType, ok bool) {
	for _, t := range datatypes {
		if t.name == name {
			return t.dtype, true
		}
	}
	return d, false
}

// halfFloat reports whether elements of d have no form in JSON, by the specification.
func halfFloat(d tensor.DType) bool { return d == tensor.Float16 || d == tensor.BFloat16 }
