package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
)

type inspectCmd struct {
	Model     string `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Precision string `help:"bf16: round weights and activations of matrix products to bfloat16, faster and less exact (default: as the model says)." placeholder:"bf16" enum:",bf16" default:""`
	JSON      bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (inspectCmd) Help() string {
	return "Shows inputs, outputs, operators, parameters, the execution plan and the metadata of a model, and whether its rows are independent."
}

type inspectValue struct {
	Name    string   `json:"name"`
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"` // -1: any
	Columns []string `json:"columns,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

type inspectNode struct {
	Name    string   `json:"name"`
	Op      string   `json:"op"`
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
}

type inspectResult struct {
	File           string            `json:"file"`
	SHA256         string            `json:"sha256"` // of the model as one file, which models publish keeps; bytes likewise
	Bytes          int               `json:"bytes"`
	Producer       string            `json:"producer"`
	Opsets         map[string]int64  `json:"opsets"`
	Task           graph.Task        `json:"task,omitempty"`
	Inputs         []inspectValue    `json:"inputs"`
	Outputs        []inspectValue    `json:"outputs"`
	Nodes          []inspectNode     `json:"nodes"`
	Parameters     int               `json:"parameters"`
	WeightBytes    int               `json:"weight_bytes"`
	RowIndependent bool              `json:"row_independent"`
	RowAxes        map[string]int    `json:"row_axes,omitempty"`  // by input and output, where rows are independent: -1 has none, and is the same for all
	Precision      string            `json:"precision,omitempty"` // fast mode of the plan
	Plan           []plan.StepInfo   `json:"plan"`
	ArenaBytes     int               `json:"arena_bytes"`
	FLOPs          int64             `json:"flops"`
	Metadata       map[string]string `json:"metadata"`
}

// Run implements the verb.
func (c *inspectCmd) Run(e *env) error {
	m, data, err := e.models.Pack(c.Model)
	if err != nil {
		return err
	}
	p, err := plan.Compile(m, plan.Options{Precision: c.Precision})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	steps, arena, err := p.Describe(p.NewInputs(1))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	s := p.Signature()
	r := inspectResult{
		File: c.Model, SHA256: sha256Hex(data), Bytes: len(data), Producer: m.Producer, Opsets: m.Opsets,
		Task: s.Task, RowIndependent: s.RowIndependent, Precision: p.Precision(), Plan: steps, ArenaBytes: arena, Metadata: m.Metadata,
	}
	if s.RowAxes != nil {
		r.RowAxes = map[string]int{}
	}
	for i, in := range s.Inputs {
		if s.RowAxes != nil {
			r.RowAxes[in.Name] = s.RowAxes.Inputs[i]
		}
		r.Inputs = append(r.Inputs, inspectValue{in.Name, in.DType.String(), in.Shape, in.Columns, nil})
	}
	for i, out := range s.Outputs {
		if s.RowAxes != nil {
			r.RowAxes[out.Name] = s.RowAxes.Outputs[i]
		}
		r.Outputs = append(r.Outputs, inspectValue{out.Name, out.DType.String(), out.Shape, nil, out.Labels})
	}
	for _, n := range m.Graph.Nodes {
		op := n.Op
		if n.Domain != graph.DomainONNX {
			op = n.Domain + "." + op
		}
		r.Nodes = append(r.Nodes, inspectNode{n.Name, op, n.Inputs, n.Outputs})
	}
	for _, t := range m.Graph.Initializers {
		r.Parameters += t.Len()
		r.WeightBytes += len(t.Bytes)
	}
	for _, st := range steps {
		r.FLOPs += st.FLOPs
	}
	if c.JSON {
		return e.printJSON(r)
	}
	r.print(e)
	return nil
}

func (r *inspectResult) print(e *env) {
	out := func(format string, args ...any) { fmt.Fprintf(e.stdout, format+"\n", args...) }
	out("%s: %d bytes, sha256 %s", r.File, r.Bytes, r.SHA256)
	for _, d := range slices.Sorted(maps.Keys(r.Opsets)) {
		out("opset     %s %d", nonEmpty(d, "ai.onnx"), r.Opsets[d])
	}
	if r.Producer != "" {
		out("producer  %s", r.Producer)
	}
	for _, v := range r.Inputs {
		out("input     %s %s %v%s", v.Name, v.DType, v.Shape, someOf("columns", v.Columns))
	}
	for _, v := range r.Outputs {
		out("output    %s %s %v%s", v.Name, v.DType, v.Shape, someOf("labels", v.Labels))
	}
	out("weights   %d parameters, %d bytes", r.Parameters, r.WeightBytes)
	switch {
	case r.RowIndependent:
		out("rows      independent (proven): may be batched")
	case r.RowAxes != nil:
		out("rows      independent (proven) along %s", r.rowAxes())
	default:
		out("rows      not proven independent: never batched")
	}
	out("nodes     %d in the file", len(r.Nodes))
	for _, n := range r.Nodes {
		out("  %-24s %s -> %s", n.Op, strings.Join(n.Inputs, ", "), strings.Join(n.Outputs, ", "))
	}
	if r.Precision != "" {
		out("precision %s", r.Precision)
	}
	out("plan      %d steps for one row, %d FLOPs, %d bytes of intermediate values", len(r.Plan), r.FLOPs, r.ArenaBytes)
	for _, st := range r.Plan {
		where := "where a run decides"
		switch {
		case st.Shape != nil && st.Offset == plan.OutsideArena:
			where = fmt.Sprintf("%d bytes, an output", st.Bytes)
		case st.Shape != nil:
			where = fmt.Sprintf("%d bytes at %d", st.Bytes, st.Offset)
		}
		out("  %-24s %-32s %s", st.Op, fmt.Sprintf("%s %v", st.DType, st.Shape), where)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		out("metadata  %s = %s", k, shorten(r.Metadata[k], 200))
	}
}

// rowAxes says where rows lie, value by value.
func (r *inspectResult) rowAxes() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.RowAxes)) {
		if axis := r.RowAxes[name]; axis == graph.NoRows {
			parts = append(parts, name+" the same for all")
		} else {
			parts = append(parts, fmt.Sprintf("axis %d of %s", axis, name))
		}
	}
	return strings.Join(parts, ", ")
}

func nonEmpty(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// someOf lists the first few of many names.
func someOf(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	shown := names[:min(len(names), 10)]
	more := ""
	if len(names) > len(shown) {
		more = fmt.Sprintf(", … %d in all", len(names))
	}
	return fmt.Sprintf("  %s: %s%s", what, strings.Join(shown, ", "), more)
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
