package asm

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
)

var write = flag.Bool("write", false, "write the generated files of package kernels")

// TestGenerated compares the generated files in kernels/ with what the table generates now. With -write it writes them.
func TestGenerated(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../kernels"
	present, err := filepath.Glob(filepath.Join(dir, "z*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if _, ok := files[filepath.Base(path)]; ok {
			continue
		}
		if *write {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("%s has no row in asm/table.go: run make gen", path)
		}
	}
	for name, want := range files {
		path := filepath.Join(dir, name)
		got, err := os.ReadFile(path)
		if err == nil && bytes.Equal(got, want) {
			continue
		}
		if *write {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("%s is not what asm generates: run make gen", path)
		}
	}
}

// TestTableComplete: every family has a row per tier from AVX2 up to where it is worth one, names are unique. A family for what
// only a higher tier has, such as an instruction or 32 registers, has one row; lower tiers run another family.
func TestTableComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range table {
		if seen[k.name()] {
			t.Errorf("%s is listed twice", k.name())
		}
		seen[k.name()] = true
		signature(k.family)
	}
	for _, f := range families {
		if v := variantsOf(f.name); len(v) < 2 && (len(v) == 0 || v[0].tier < cpu.AVX512) {
			t.Errorf("family %s has %d variants, want AVX2 and at least one above", f.name, len(v))
		}
	}
}
