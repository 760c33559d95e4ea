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
	Float8E4M3FN
	Float8E4M3FNUZ
	Float8E5M2
	Float8E5M2FNUZ
	Float8E8M0
	Float4E2M1
	Uint4
	Int4
	Uint2
	Int2
	Sequence // Items are tensors, or maps, of one type
	Optional // Items are one value or none
	Map      // Items are a tensor of keys and one of values, both of one dimension
)

// info is what is known about a dtype; adding a dtype is adding a row.
type info struct {
	name string
	onnx int32 // TensorProto.DataType
	size int   // bytes of one element in memory; 0 for String, whose elements live in Strings, and for what is made of Items
	bits int   // of one element in a file, where several share a byte; 0: all of size
}

var table = [...]info{
	Invalid:  {"invalid", 0, 0, 0},
	Float32:  {"float32", 1, 4, 0},
	Float64:  {"float64", 11, 8, 0},
	Uint8:    {"uint8", 2, 1, 0},
	Int8:     {"int8", 3, 1, 0},
	Int32:    {"int32", 6, 4, 0},
	Int64:    {"int64", 7, 8, 0},
	Bool:     {"bool", 9, 1, 0},
	String:   {"string", 8, 0, 0},
	Float16:  {"float16", 10, 2, 0},
	BFloat16: {"bfloat16", 16, 2, 0},
	Int16:    {"int16", 5, 2, 0},
	Uint16:   {"uint16", 4, 2, 0},
	Uint32:   {"uint32", 12, 4, 0},
	Uint64:   {"uint64", 13, 8, 0},

	Float8E4M3FN:   {"float8e4m3fn", 17, 1, 0},
	Float8E4M3FNUZ: {"float8e4m3fnuz", 18, 1, 0},
	Float8E5M2:     {"float8e5m2", 19, 1, 0},
	Float8E5M2FNUZ: {"float8e5m2fnuz", 20, 1, 0},
	Float8E8M0:     {"float8e8m0", 24, 1, 0},
	Float4E2M1:     {"float4e2m1", 23, 1, 4},
	Uint4:          {"uint4", 21, 1, 4},
	Int4:           {"int4", 22, 1, 4},
	Uint2:          {"uint2", 25, 1, 2},
	Int2:           {"int2", 26, 1, 2},

	Sequence: {"sequence", 0, 0, 0},
	Optional: {"optional", 0, 0, 0},
	Map:      {"map", 0, 0, 0},
}

func (d DType) String() string {
	if int(d) < len(table) {
		return table[d].name
	}
	return table[Invalid].name
}

// Size is the number of bytes of one element in memory: 0 for String, Invalid and composite types, 1 for types of fewer than 8 bits
// (signed ones are extended to 8).
func (d DType) Size() int { return table[d].size }

// FileBits is the number of bits of one element in a file.
func (d DType) FileBits() int {
	if bits := table[d].bits; bits != 0 {
		return bits
	}
	return 8 * table[d].size
}

// Composite reports whether values of d are made of Items: sequences, optionals and maps.
func (d DType) Composite() bool { return d == Sequence || d == Optional || d == Map }

// ONNX is the TensorProto.DataType code of d.
func (d DType) ONNX() int32 { return table[d].onnx }

// FromONNX finds the dtype with a TensorProto.DataType code; Invalid if hotpath has none.
func FromONNX(code int32) DType {
	for d, i := range table {
		if i.onnx == code && !DType(d).Composite() {
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
