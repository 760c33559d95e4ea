package server

import (
	"reflect"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// maxNesting is how deep messages may be within each other.
const maxNesting = 100

// decodedSize is about the memory that a message takes once decoded, which can be a hundred times its length: an empty
// part is two bytes on the wire. Errors wrap ErrRequest.
func decodedSize(m proto.Message, data []byte) (int64, error) {
	return partsOf(m.ProtoReflect().Descriptor()).size(data, 0)
}

// parts is what decodedSize needs to know of a type of messages.
type parts struct {
	own    int64 // bytes of a message without its parts
	fields map[protowire.Number]part
}

// part is a field.
type part struct {
	message *parts // of a message or an entry of a map
	each    int64  // bytes of an element of a list beside what it points to
	packed  bool   // elements may come as one run of bytes
	fixed   int    // bytes of an element on the wire, 0 where it varies
}

// Sizes of what Go keeps beside the values.
const (
	entrySize = 96 // of a map, with the room that is not used
	listSlack = 2  // a list that grows has up to this many times its elements
)

var (
	partsMu  sync.Mutex
	allParts = map[protoreflect.FullName]*parts{}
)

func partsOf(d protoreflect.MessageDescriptor) *parts {
	partsMu.Lock()
	defer partsMu.Unlock()
	return partsLocked(d)
}

func partsLocked(d protoreflect.MessageDescriptor) *parts {
	if p := allParts[d.FullName()]; p != nil {
		return p
	}
	p := &parts{own: entrySize, fields: map[protowire.Number]part{}}
	allParts[d.FullName()] = p // before its fields, which may be of its own type
	if t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName()); err == nil {
		if v := reflect.TypeOf(t.Zero().Interface()); v.Kind() == reflect.Pointer {
			p.own = int64(v.Elem().Size())
		}
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		var e part
		switch f.Kind() {
		case protoreflect.MessageKind, protoreflect.GroupKind:
			e.message, e.each = partsLocked(f.Message()), 8
		case protoreflect.StringKind:
			e.each = 16
		case protoreflect.BytesKind:
			e.each = 24
		case protoreflect.BoolKind:
			e.each, e.packed = 1, true
		case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
			e.each, e.packed, e.fixed = 4, true, 4
		case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
			e.each, e.packed, e.fixed = 8, true, 8
		default:
			e.each, e.packed = 8, true
		}
		if !f.IsList() {
			e.each, e.packed = 0, false
		}
		p.fields[f.Number()] = e
	}
	return p
}

// size is the memory of a message of this type.
func (p *parts) size(data []byte, depth int) (sum int64, err error) {
	malformed := func() (int64, error) { return 0, Fail(ErrRequest, "message: not valid protobuf") }
	if depth > maxNesting {
		return 0, Fail(ErrRequest, "message: nested deeper than %d", maxNesting)
	}
	sum = p.own
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return malformed()
		}
		value := data[n:]
		f, known := p.fields[number]
		n = protowire.ConsumeFieldValue(number, kind, value)
		if n < 0 {
			return malformed()
		}
		data = value[n:]
		if !known {
			sum += int64(n) + 8 // kept as it is
			continue
		}
		if kind != protowire.BytesType {
			sum += listSlack * f.each
			continue
		}
		content, _ := protowire.ConsumeBytes(value)
		switch {
		case f.message != nil:
			inner, err := f.message.size(content, depth+1)
			if err != nil {
				return 0, err
			}
			sum += inner + listSlack*f.each
		case f.packed && f.fixed > 0:
			sum += int64(len(content))
		case f.packed:
			for _, b := range content {
				if b < 0x80 {
					sum += f.each
				}
			}
		default:
			sum += int64(len(content)) + listSlack*f.each
		}
	}
	return sum, nil
}
