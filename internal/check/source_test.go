package check

import (
	"bufio"
	"bytes"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// sources calls f for every Go file of the repository.
func sources(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(name), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func generated(text []byte) bool {
	return bytes.Contains(text[:min(len(text), 1024)], []byte("Code generated"))
}

func TestGofmt(t *testing.T) {
	sources(t, func(name string, text []byte) {
		formatted, err := format.Source(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted: run gofmt -w %s", name, name)
		}
	})
}

// maxLines: beyond it a file holds more than one idea.
const maxLines = 800

func TestFileSizes(t *testing.T) {
	sources(t, func(name string, text []byte) {
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines && !generated(text) {
			t.Errorf("%s has %d lines, the limit is %d: split it by subject", name, lines, maxLines)
		}
	})
}

// numeric are the packages whose results must be the same bits on every machine.
var numeric = []string{"kernels/", "graph/ops/", "graph/train/", "graph/plan/"}

// libm matches functions of package math that are not correctly rounded, and so may differ between machines.
var libm = regexp.MustCompile(`\bmath\.(Exp|Exp2|Expm1|Log|Log2|Log10|Log1p|Tanh|Sinh|Cosh|Sin|Cos|Tan|Pow|Erf|Erfc|Gamma|Cbrt)\(`)

// float64File holds the functions of float64, which is not among the types that promise the same bits everywhere.
const float64File = "graph/ops/float64.go"

// TestNumericPathsAreExact looks for libm; fused.sh beside this file looks for contracted products.
func TestNumericPathsAreExact(t *testing.T) {
	sources(t, func(name string, text []byte) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "kernels/contract/") || name == float64File || generated(text) {
			return
		}
		for _, dir := range numeric {
			if !strings.HasPrefix(name, dir) {
				continue
			}
			lines := bufio.NewScanner(bytes.NewReader(text))
			lines.Buffer(nil, 1<<20)
			for n := 1; lines.Scan(); n++ {
				if libm.MatchString(lines.Text()) {
					t.Errorf("%s:%d uses a function of package math that differs between machines: use kernels.ExpF32 and its like", name, n)
				}
			}
		}
	})
}
