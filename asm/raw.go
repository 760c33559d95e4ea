package asm

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Instructions that the Go assembler lacks are emitted under their name, so that registers are allocated for them, and then
// replaced by their bytes, the name and operands left as a comment. The interpreter reads the comment; a test disassembles the bytes.

// encoding is an instruction of map 0F38 (Intel SDM, volume 2, 2.3 and 2.7).
type encoding struct {
	prefix byte // pp: 0 none, 1 66, 2 F3, 3 F2
	opcode byte
	form   form
}

type form int

const (
	tileMemory  form = iota // tile and memory: ModRM.reg, SIB
	tileAlone               // tile: ModRM.reg
	tileProduct             // second, first, sum: VEX.vvvv, ModRM.rm, ModRM.reg
	memoryAlone             // memory at a register
	noOperands              // ModRM is C0
	vectors3                // EVEX.512 second, first, sum
)

var encodings = map[string]encoding{
	"LDTILECFG":   {0, 0x49, memoryAlone},
	"TILERELEASE": {0, 0x49, noOperands},
	"TILEZERO":    {3, 0x49, tileAlone},
	"TILELOADD":   {3, 0x4b, tileMemory},
	"TILESTORED":  {2, 0x4b, tileMemory},
	"TDPBUSD":     {1, 0x5e, tileProduct},
	"TDPBF16PS":   {2, 0x5c, tileProduct},
	"VDPBF16PS":   {2, 0x52, vectors3},
}

// tileReg is the number of a tile register.
type tileReg = operand.U8

// raw emits an instruction of encodings, operands in Go's order. Only the last one is written, if it is a vector register; with
// reads it is read too.
func (g *gen) raw(op string, reads bool, operands ...operand.Op) {
	i := &ir.Instruction{Opcode: op, Operands: operands}
	for n, o := range operands {
		_, vector := o.(reg.VecVirtual)
		if vector && n == len(operands)-1 {
			i.Outputs = append(i.Outputs, o)
			if !reads {
				continue
			}
		}
		if _, isTile := o.(tileReg); !isTile {
			i.Inputs = append(i.Inputs, o)
		}
	}
	g.Instruction(i)
}

// encodeRaw replaces the instructions that raw emitted, once registers are allocated.
func encodeRaw(nodes []ir.Node) []ir.Node {
	var out []ir.Node
	for _, n := range nodes {
		i, ok := n.(*ir.Instruction)
		e, known := encoding{}, false
		if ok {
			e, known = encodings[i.Opcode]
		}
		if !known {
			out = append(out, n)
			continue
		}
		text := i.Opcode
		for n, o := range i.Operands {
			s := o.Asm()
			if t, ok := o.(tileReg); ok {
				s = fmt.Sprintf("T%d", t)
			}
			text += map[bool]string{true: " ", false: ", "}[n == 0] + s
		}
		out = append(out, ir.NewComment(text))
		out = append(out, words(e.bytes(i.Operands))...)
	}
	return out
}

// words writes bytes with the widest directives.
func words(b []byte) []ir.Node {
	var out []ir.Node
	for len(b) > 0 {
		name, n := "BYTE", 1
		if len(b) >= 4 {
			name, n = "LONG", 4
		} else if len(b) >= 2 {
			name, n = "WORD", 2
		}
		var v strings.Builder
		v.WriteString("$0x")
		for i := n - 1; i >= 0; i-- {
			fmt.Fprintf(&v, "%02x", b[i])
		}
		out = append(out, &ir.Instruction{Opcode: name + " " + v.String()})
		b = b[n:]
	}
	return out
}

func (e encoding) bytes(o []operand.Op) []byte {
	switch e.form {
	case noOperands:
		return e.vex(0, 0, 0, 0, 0xc0)
	case memoryAlone:
		m := o[0].(operand.Mem)
		return e.addressed(0, m)
	case tileAlone:
		return e.vex(0, 0, 0, 0, 0xc0|byte(o[0].(tileReg))<<3)
	case tileMemory:
		if m, ok := o[0].(operand.Mem); ok {
			return e.addressed(byte(o[1].(tileReg)), m)
		}
		return e.addressed(byte(o[0].(tileReg)), o[1].(operand.Mem))
	case tileProduct:
		second, first, sum := byte(o[0].(tileReg)), byte(o[1].(tileReg)), byte(o[2].(tileReg))
		return e.vex(0, 0, 0, second, 0xc0|sum<<3|first)
	default:
		return e.evex(number(o[0]), number(o[1]), number(o[2]))
	}
}

// vex is a three-byte VEX prefix, W and L zero, the opcode and what follows. r, x and b are the fourth bits of the registers.
func (e encoding) vex(r, x, b, vvvv byte, rest ...byte) []byte {
	return append([]byte{0xc4, (1-r)<<7 | (1-x)<<6 | (1-b)<<5 | 2, (15-vvvv)<<3 | e.prefix, e.opcode}, rest...)
}

// addressed encodes base or base + index·1 + a displacement of four bytes where there is one. Tile loads and stores always have
// an index: it is the distance between rows.
func (e encoding) addressed(tile byte, m operand.Mem) []byte {
	base := number(m.Base)
	if m.Index == nil {
		if m.Disp != 0 || base&7 == 4 || base&7 == 5 {
			panic("asm: address form not encoded")
		}
		return e.vex(0, 0, base>>3, 0, base&7)
	}
	index := number(m.Index)
	if m.Scale != 1 {
		panic("asm: the distance between rows of a tile has scale 1")
	}
	sib := index&7<<3 | base&7
	if m.Disp == 0 && base&7 != 5 {
		return e.vex(0, index>>3, base>>3, 0, tile<<3|4, sib)
	}
	d := uint32(int32(m.Disp))
	return e.vex(0, index>>3, base>>3, 0, 0x84|tile<<3, sib, byte(d), byte(d>>8), byte(d>>16), byte(d>>24))
}

// evex encodes a 512-bit instruction on registers: rm, vvvv, reg.
func (e encoding) evex(rm, vvvv, r byte) []byte {
	inv := func(x, bit byte) byte { return 1 - x>>bit&1 }
	return []byte{0x62, inv(r, 3)<<7 | inv(rm, 4)<<6 | inv(rm, 3)<<5 | inv(r, 4)<<4 | 2, (15-vvvv&15)<<3 | 4 | e.prefix,
		2<<5 | inv(vvvv, 4)<<3, e.opcode, 0xc0 | r&7<<3 | rm&7}
}

// number is the encoding of an allocated register.
func number(o operand.Op) byte { return byte(o.(reg.Physical).PhysicalIndex()) }
