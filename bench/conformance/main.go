// Command conformance runs the public test cases of ONNX, written to files by bench/peers/conformance_cases.py, through loader and plan:
//
//	go run ./bench/conformance [-run REGEXP] [-list] [-table FILE] DIR
//
// It prints every failing case with its reason and a summary, and exits with 1 where a case fails that is not listed in skips.txt with
// its reason. -list prints only the names of failing cases.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/onnx"
)

func main() {
	pattern := flag.String("run", "", "only cases whose KIND/NAME matches")
	list := flag.Bool("list", false, "print only the names of failing cases")
	tableFile := flag.String("table", "", "write the operator by dtype table to this file")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *pattern, *list, *tableFile); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(root, pattern string, list bool, tableFile string) error {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	models, err := filepath.Glob(filepath.Join(root, "*", "*", "model.onnx"))
	if err != nil {
		return err
	}
	sort.Strings(models)
	var results []result
	for _, path := range models {
		dir := filepath.Dir(path)
		name := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(dir, root), string(filepath.Separator)))
		if !match.MatchString(name) {
			continue
		}
		r := result{name: name, skip: skips[name]}
		r.op, r.dtype, r.err = runCase(dir)
		results = append(results, r)
		switch {
		case r.err != nil && list:
			fmt.Println(name)
		case r.err != nil && r.skip == "":
			fmt.Printf("FAIL %s: %v\n", name, r.err)
		case r.err == nil && r.skip != "":
			fmt.Printf("PASS %s, which skips.txt lists\n", name)
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("no case under %s matches %q", root, pattern)
	}
	if tableFile != "" {
		if err := writeTable(tableFile, results); err != nil {
			return err
		}
	}
	return summary(results, list)
}

// result is the outcome of one case.
type result struct {
	name      string
	err       error
	skip      string // the reason why it may fail
	op, dtype string // its row and column in the table; "" for a case of several nodes
}

func summary(results []result, quiet bool) error {
	passed, unexpected := map[string]int{}, 0
	total := map[string]int{}
	for _, r := range results {
		kind, _, _ := strings.Cut(r.name, "/")
		total[kind]++
		if r.err == nil {
			passed[kind]++
		}
		if (r.err == nil) != (r.skip == "") {
			unexpected++
		}
	}
	if quiet {
		return nil
	}
	for _, kind := range sortedKeys(total) {
		fmt.Printf("%s: %d of %d pass (%.1f %%)\n", kind, passed[kind], total[kind], 100*float64(passed[kind])/float64(total[kind]))
	}
	if unexpected > 0 {
		return fmt.Errorf("%d cases differ from skips.txt", unexpected)
	}
	return nil
}

// tolerance is how far an answer may be from the expected one: |got − want| ≤ ATol + RTol·|want|.
type tolerance struct{ RTol, ATol float64 }

// runCase runs every data set of the case in dir, and says what it is about.
func runCase(dir string) (op, dtype string, err error) {
	m, err := loader.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return "(cannot be read)", "unknown", err
	}
	op, dtype = subject(m)
	return op, dtype, runModel(m, dir)
}

func runModel(m *graph.Model, dir string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("PANIC: %v", r)
		}
	}()
	tol := tolerance{1e-3, 1e-7}
	if data, err := os.ReadFile(filepath.Join(dir, "tolerance.json")); err == nil {
		if err := json.Unmarshal(data, &tol); err != nil {
			return err
		}
	}
	p, err := plan.Compile(m, plan.Options{})
	if err != nil {
		return err
	}
	sets, _ := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if len(sets) == 0 {
		return errors.New("no test data")
	}
	for _, set := range sets {
		inputs := make([]*tensor.Tensor, len(m.Graph.Inputs))
		for i := range m.Graph.Inputs {
			data, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("input_%d.pb", i)))
			if err != nil {
				return err
			}
			if inputs[i], err = onnx.ReadValue(data, &m.Graph.Inputs[i]); err != nil {
				return err
			}
		}
		outputs := p.NewOutputs()
		if err := p.Run(inputs, outputs); err != nil {
			return err
		}
		for i := range m.Graph.Outputs {
			data, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("output_%d.pb", i)))
			if err != nil {
				return err
			}
			want, err := onnx.ReadValue(data, &m.Graph.Outputs[i])
			if err != nil {
				return err
			}
			if err := compare(outputs[i], want, tol); err != nil {
				return fmt.Errorf("output %q: %w", m.Graph.Outputs[i].Name, err)
			}
		}
	}
	return nil
}
