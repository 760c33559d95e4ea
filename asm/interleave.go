package asm

import "github.com/mmcloughlin/avo/ir"

// Marks around straight-line code that interleave merges.
const (
	markPart = "interleave: part"
	markEnd  = "interleave: end"
)

// interleaved emits parts that do not depend on each other, to be merged instruction by instruction. A core looks for work among few
// instructions (64 floating-point ones on Zen 3), which a chain as long as an exponential fills; two chains side by side keep its units
// busy: exp, softplus and log take 0.8 to 0.87 of the time (BenchmarkElementwise, BenchmarkFamilies).
func (g *gen) interleaved(parts int, emit func(part int)) {
	for i := range parts {
		g.Comment(markPart)
		emit(i)
	}
	g.Comment(markEnd)
}

// interleave merges the marked parts of a function: the first instruction of each, then the second, and so on.
func interleave(nodes []ir.Node) []ir.Node {
	var out []ir.Node
	var parts [][]ir.Node
	for _, n := range nodes {
		if c, ok := n.(*ir.Comment); ok && len(c.Lines) == 1 {
			switch c.Lines[0] {
			case markPart:
				parts = append(parts, nil)
				continue
			case markEnd:
				for i := 0; len(parts) > 0 && i < len(parts[0]); i++ {
					for _, p := range parts {
						out = append(out, p[i])
					}
				}
				parts = nil
				continue
			}
		}
		if len(parts) > 0 {
			parts[len(parts)-1] = append(parts[len(parts)-1], n)
		} else {
			out = append(out, n)
		}
	}
	return out
}
