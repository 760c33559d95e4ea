// Package interp executes the assembly that package asm generates, so that kernels for tiers the CPU lacks are tested.
//
// It reads the text that the Go assembler reads, keeps registers, opmasks and flags in Go variables, and reaches memory only
// through the slices of a call's arguments: any other access, an unknown instruction and a jump on flags that the last
// instruction left undefined are errors. f32 arithmetic rounds once, as the hardware does.
package interp

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Program is one assembly function.
type Program struct {
	Name   string
	code   []inst
	labels map[string]int
	data   map[string][]byte // read-only symbols
	frame  int               // bytes of locals
	raw    string            // the comment just read: the instruction whose bytes may follow
	args   int               // bytes of arguments and result
}

type inst struct {
	op     string
	suffix string // Z (zeroing) or BCST
	args   []operand
	line   int
	run    handler
	plain  []*operand // args without the opmask
	mask   *operand   // the opmask, nil without one
}

type kind int

const (
	isReg kind = iota // general register
	isVec
	isMask
	isTile
	isImm
	isMem
	isLabel
)

type operand struct {
	kind   kind
	index  int    // register number
	width  int    // bytes of a vector register
	imm    uint64 // immediate
	label  string
	symbol string // FP, SP, a data symbol, or "" for a plain address
	disp   int64
	base   int // general register, -1 for none
	scaled int // general register of the index, or the vector of indices
	scale  uint64
	// scaledVector is the width of a vector of indices, 0 where the index is a general register.
	scaledVector int
}

var gpNames = map[string]int{"AX": 0, "CX": 1, "DX": 2, "BX": 3, "SP": 4, "BP": 5, "SI": 6, "DI": 7, "R8": 8, "R9": 9, "R10": 10,
	"R11": 11, "R12": 12, "R13": 13, "R14": 14, "R15": 15}

var (
	textLine  = regexp.MustCompile(`^TEXT ·(\w+)\(SB\), NOSPLIT, \$(\d+)-(\d+)$`)
	dataLine  = regexp.MustCompile(`^DATA (\w+)<>\+(\d+)\(SB\)/8, \$0x([0-9a-f]+)$`)
	globlLine = regexp.MustCompile(`^GLOBL (\w+)<>\(SB\), RODATA\|NOPTR, \$(\d+)$`)
	bytesLine = regexp.MustCompile(`^(LONG|WORD|BYTE) \$0x[0-9a-f]+$`)
	labelLine = regexp.MustCompile(`^(\w+):$`)
	vecName   = regexp.MustCompile(`^([XYZ])(\d+)$`)
	maskName  = regexp.MustCompile(`^K([0-7])$`)
	tileName  = regexp.MustCompile(`^T([0-7])$`)
	memory    = regexp.MustCompile(`^(?:(\w+<>|\w+)\+)?(-?\d+)?\((\w+)\)(?:\((\w+)\*(\d)\))?$`)
)

// ParseFile reads the one function of a generated file.
func ParseFile(path string) (*Program, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &Program{labels: map[string]int{}, data: map[string][]byte{}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := p.parseLine(line, i+1); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	if p.Name == "" {
		return nil, fmt.Errorf("%s: no TEXT line", path)
	}
	return p, nil
}

func (p *Program) parseLine(line string, number int) error {
	trimmed := strings.TrimSpace(line)
	if c, ok := strings.CutPrefix(trimmed, "// "); ok {
		p.raw = c
		return nil
	}
	if bytesLine.MatchString(trimmed) { // an instruction that the assembler lacks: its name and operands stand in the comment
		trimmed = p.raw
	}
	p.raw = ""
	if trimmed == "" || strings.HasPrefix(trimmed, "//") || strings.HasPrefix(trimmed, "#include") {
		return nil
	}
	if m := textLine.FindStringSubmatch(line); m != nil {
		p.Name = m[1]
		p.frame, _ = strconv.Atoi(m[2])
		p.args, _ = strconv.Atoi(m[3])
		return nil
	}
	if m := dataLine.FindStringSubmatch(line); m != nil {
		v, err := strconv.ParseUint(m[3], 16, 64)
		p.data[m[1]] = binary.LittleEndian.AppendUint64(p.data[m[1]], v)
		return err
	}
	if m := globlLine.FindStringSubmatch(line); m != nil {
		if size, _ := strconv.Atoi(m[2]); size != len(p.data[m[1]]) {
			return fmt.Errorf("symbol %s has %d bytes of data, declared %d", m[1], len(p.data[m[1]]), size)
		}
		return nil
	}
	if m := labelLine.FindStringSubmatch(line); m != nil {
		p.labels[m[1]] = len(p.code)
		return nil
	}
	op, rest, _ := strings.Cut(trimmed, " ")
	in := inst{line: number}
	in.op, in.suffix, _ = strings.Cut(op, ".")
	if rest = strings.TrimSpace(rest); rest != "" {
		for _, s := range strings.Split(rest, ", ") {
			o, err := parseOperand(s)
			if err != nil {
				return err
			}
			in.args = append(in.args, o)
		}
	}
	var ok bool
	if in.run, ok = handlers[in.op]; !ok {
		return fmt.Errorf("unknown instruction %s", op)
	}
	for i := range in.args {
		if o := &in.args[i]; o.kind == isMask {
			in.mask = o
		} else {
			in.plain = append(in.plain, o)
		}
	}
	p.code = append(p.code, in)
	return nil
}

func parseOperand(s string) (operand, error) {
	if strings.HasPrefix(s, "$") {
		v, err := strconv.ParseInt(s[1:], 0, 64)
		if err != nil {
			u, err := strconv.ParseUint(s[1:], 0, 64)
			return operand{kind: isImm, imm: u}, err
		}
		return operand{kind: isImm, imm: uint64(v)}, nil
	}
	if r, ok := gpNames[s]; ok {
		return operand{kind: isReg, index: r}, nil
	}
	if m := vecName.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[2])
		return operand{kind: isVec, index: n, width: map[string]int{"X": 16, "Y": 32, "Z": 64}[m[1]]}, err
	}
	if m := maskName.FindStringSubmatch(s); m != nil {
		return operand{kind: isMask, index: int(m[1][0] - '0')}, nil
	}
	if m := tileName.FindStringSubmatch(s); m != nil {
		return operand{kind: isTile, index: int(m[1][0] - '0')}, nil
	}
	if m := memory.FindStringSubmatch(s); m != nil {
		o := operand{kind: isMem, base: -1}
		if m[2] != "" {
			o.disp, _ = strconv.ParseInt(m[2], 10, 64)
		}
		switch base, isGP := gpNames[m[3]]; {
		case m[3] == "FP" || m[3] == "SP":
			o.symbol = m[3]
		case m[3] == "SB" && strings.HasSuffix(m[1], "<>"):
			o.symbol = strings.TrimSuffix(m[1], "<>")
		case isGP:
			o.base = base
		default:
			return o, fmt.Errorf("operand %q: unknown base", s)
		}
		if m[4] != "" {
			if r, ok := gpNames[m[4]]; ok {
				o.scaled = r
			} else if v, err := parseOperand(m[4]); err == nil && v.kind == isVec {
				o.scaled, o.scaledVector = v.index, v.width
			} else {
				return o, fmt.Errorf("operand %q: unknown index", s)
			}
			o.scale, _ = strconv.ParseUint(m[5], 10, 64)
		}
		return o, nil
	}
	if regexp.MustCompile(`^\w+$`).MatchString(s) {
		return operand{kind: isLabel, label: s}, nil
	}
	return operand{}, fmt.Errorf("operand %q not understood", s)
}
