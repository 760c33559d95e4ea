package main

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
)

//go:embed skips.txt
var skipsText string

// skips are the cases that may fail, by name, with the reason: lines of "KIND/NAME reason…" in skips.txt.
var skips = func() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(skipsText) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(name, "#") {
			m[name] = reason
		}
	}
	return m
}()

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// writeTable writes a Markdown table of operators by the dtype of their first input: how many cases of one node pass of how many there
// are. Skipped cases follow with their reasons.
func writeTable(path string, results []result) error {
	type cell struct{ passed, total int }
	table := map[string]map[string]*cell{}
	dtypes := map[string]bool{}
	for _, r := range results {
		op, dtype := r.op, r.dtype
		if op == "" {
			continue
		}
		if table[op] == nil {
			table[op] = map[string]*cell{}
		}
		if table[op][dtype] == nil {
			table[op][dtype] = &cell{}
		}
		dtypes[dtype] = true
		c := table[op][dtype]
		c.total++
		if r.err == nil {
			c.passed++
		}
	}
	var b strings.Builder
	b.WriteString("# Operators by the dtype of their first input\n\nCases of one node of `onnx.backend.test` that pass, of those there are. Written by `make conformance`.\n\n")
	columns := sortedKeys(dtypes)
	fmt.Fprintf(&b, "| operator | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, op := range sortedKeys(table) {
		fmt.Fprintf(&b, "| %s |", op)
		for _, d := range columns {
			if c := table[op][d]; c != nil {
				fmt.Fprintf(&b, " %d/%d |", c.passed, c.total)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Skipped\n\n")
	for _, r := range results {
		if r.skip != "" {
			fmt.Fprintf(&b, "- `%s`: %s\n", r.name, r.skip)
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// subject is the operator and the dtype of the first input of a model of one node; "" for others.
func subject(m *graph.Model) (op, dtype string) {
	if len(m.Graph.Nodes) != 1 {
		return "", ""
	}
	n := m.Graph.Nodes[0]
	op = n.Op
	if n.Domain != graph.DomainONNX {
		op = n.Domain + ":" + op
	}
	dtype = "none"
	if len(n.Inputs) > 0 {
		for _, v := range m.Graph.Inputs {
			if v.Name == n.Inputs[0] {
				dtype = v.DType.String()
			}
		}
	}
	return op, dtype
}
