// Package tensor holds typed, dense, row-major arrays: the values that flow along the edges of a graph.
//
// A DType is a row of one table; a Tensor is a DType, a shape and its bytes. The package imports nothing of hotpath.
package tensor

// DType names the type of one element. The zero value is Invalid.
type DType uint8

// The element types, named as ONNX names them.
const (
	Invalid DType = iota
	Float32
	Float64
	Uint8
	Int8
	Int32
	Int64
	Bool
	String
	Float16
	BFloat16
	Int16
	Uint16
	Uint32
	Uint64
)

// info is what is known about a dtype; adding a dtype is adding a row.
type info struct {
	name string
	onnx int32 // TensorProto.DataType
	size int   // bytes of one element; 0 for String, whose elements live in Strings
}

var table = [...]info{
	Invalid:  {"invalid", 0, 0},
	Float32:  {"float32", 1, 4},
	Float64:  {"float64", 11, 8},
	Uint8:    {"uint8", 2, 1},
	Int8:     {"int8", 3, 1},
	Int32:    {"int32", 6, 4},
	Int64:    {"int64", 7, 8},
	Bool:     {"bool", 9, 1},
	String:   {"string", 8, 0},
	Float16:  {"float16", 10, 2},
	BFloat16: {"bfloat16", 16, 2},
	Int16:    {"int16", 5, 2},
	Uint16:   {"uint16", 4, 2},
	Uint32:   {"uint32", 12, 4},
	Uint64:   {"uint64", 13, 8},
}

func (d DType) String() string {
	if int(d) < len(table) {
		return table[d].name
	}
	return table[Invalid].name
}

// Size is the number of bytes of one element, 0 for String and Invalid.
func (d DType) Size() int { return table[d].size }

// ONNX is the TensorProto.DataType code of d.
func (d DType) ONNX() int32 { return table[d].onnx }

// FromONNX finds the dtype with a TensorProto.DataType code; Invalid if hotpath has none.
func FromONNX(code int32) DType {
	for d, i := range table {
		if i.onnx == code {
			return DType(d)
		}
	}
	return Invalid
}

// FromName finds a dtype by its name; Invalid if there is none.
func FromName(name string) DType {
	for d, i := range table {
		if i.name == name {
			return DType(d)
		}
	}
	return Invalid
}
