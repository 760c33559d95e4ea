package asm

import (
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

// hoist keeps constants in registers from here on, where there are 32 of them. The linker aligns data to 32 bytes, so half of the 64-byte
// constants cross a cache line, and every use of one costs two loads.
func (g *gen) hoist(values ...float32) {
	if g.wide() {
		g.keep(values...)
	}
}

// keep is hoist with any number of registers.
func (g *gen) keep(values ...float32) {
	for _, v := range values {
		m := g.f32(v)
		if _, done := g.hoisted[m.Symbol.Name]; !done {
			g.hoisted[m.Symbol.Name] = g.loaded(m)
		}
	}
}

// hoistExp keeps the constants of exponential in registers; of 16 registers, those of its limits.
func (g *gen) hoistExp(limits expLimits) {
	switch {
	case limits == 0:
	case g.wide():
		g.hoist(0.5)
	default:
		if limits&expAbove != 0 {
			g.keep(expMin)
		}
		if limits&expBelow != 0 {
			g.keep(expMax)
		}
	}
	g.hoist(expRound, log2e, ln2Hi, ln2Lo, 1)
	g.hoist(expCoefficients...)
}

// useHoisted replaces the hoisted constants of a function by their registers, from where those are loaded on.
func (g *gen) useHoisted(nodes []ir.Node) {
	loaded := map[string]bool{}
	for _, n := range nodes {
		in, ok := n.(*ir.Instruction)
		if !ok || len(in.Operands) == 0 {
			continue
		}
		last := in.Operands[len(in.Operands)-1]
		for _, ops := range [][]operand.Op{in.Operands, in.Inputs} {
			for i, o := range ops {
				if m, ok := o.(operand.Mem); ok && loaded[m.Symbol.Name] {
					ops[i] = g.hoisted[m.Symbol.Name]
				}
			}
		}
		for name, r := range g.hoisted {
			if last == operand.Op(r) {
				loaded[name] = true
			}
		}
	}
}
