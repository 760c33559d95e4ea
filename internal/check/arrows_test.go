// Package check holds tests about the repository: which package may import which, what the README lists, how files
// look. A rule here names what to do instead at the moment it is broken.
package check

import (
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/hotpath/hotpath"

// mayImport is the arrows: a package may import the packages on its right and whatever those may import. "x/*" stands
// for every package directly below x. What has no row may import nothing of hotpath.
var mayImport = map[string][]string{
	"internal/build":         {},
	"internal/cpu":           {},
	"kernels":                {"internal/cpu"},
	"kernels/contract":       {"kernels", "internal/testkit"},
	"graph/tensor":           {},
	"graph":                  {"graph/tensor"},
	"graph/ops":              {"graph", "graph/picture", "kernels"},
	"graph/picture":          {},
	"graph/passes":           {"graph/ops"},
	"graph/plan":             {"graph/passes"},
	"loader/npy":             {"graph"},
	"loader/onnx":            {"graph/ops", "loader/wire"},
	"loader/table":           {"loader/npy"},
	"loader/wire":            {"graph"},
	"loader/hdf5":            {"graph"},
	"loader/keras":           {"loader/hdf5"},
	"loader/savedmodel":      {"loader/wire"},
	"loader":                 {"loader/*", "graph/ops"},
	"graph/train":            {"graph/plan", "loader/table", "loader/onnx"},
	"quant":                  {"graph/plan", "graph/train"},
	"server/metrics":         {"internal/build"},
	"server/registry":        {},
	"server/ui":              {"server"},
	"server/servertest":      {"server", "server/api/*", "server/ui"},
	"server":                 {"server/metrics", "server/registry", "graph/plan", "loader"},
	"server/api":             {"server"},
	"server/api/*":           {"server", "server/api/jsontensor"},
	"server/api/kserve":      {"internal/build", "server/api/*", "server/api/kserve/*"},
	"server/api/kserve/*":    {},
	"server/api/tfserving":   {"server/api/*", "server/api/tfserving/*"},
	"server/api/tfserving/*": {},
	"bench/bare":             {},
	"bench/load":             {},
	"bench/process":          {},
	"bench/slow":             {"bench/load", "bench/process"},
	"bench/life":             {"bench/process", "loader", "server/registry"},
	"bench/overload":         {"bench/load", "bench/process", "loader", "loader/*"},
	"bench/proxies":          {"bench/process", "loader/onnx", "server/api/kserve/inference", "server/servertest"},
	"bench/kernels":          {"kernels"},
	"bench/roofline":         {"bench/kernels"},
	"bench/profile":          {"graph/plan"},
	"bench/conformance":      {"graph/plan", "loader", "loader/*"},
	"bench/guard":            {"bench/load", "graph/plan", "server", "server/api/*"},
	"cmd/hotpath/digits":     {},
	"cmd/hotpath":            {"bench/guard", "bench/kernels", "bench/profile", "cmd/hotpath/digits", "loader", "quant", "graph/train", "server", "server/api/*", "server/ui"},
	"asm":                    {"kernels", "kernels/contract"},
	"asm/interp":             {"kernels"},
	"internal/check":         {"graph/ops"},
	"internal/testkit":       {},
}

// onlyIn says which packages may import a third-party module.
var onlyIn = map[string][]string{
	"github.com/mmcloughlin/avo":   {"asm"},
	"github.com/klauspost/cpuid":   {"internal/cpu"},
	"github.com/valyala/fasthttp":  {"server", "cmd/hotpath", "bench/bare", "bench/guard"},
	"github.com/ebitengine/purego": {"cuda"},
	"github.com/google/pprof":      {"bench"},
	"go.etcd.io/bbolt":             {"server"},
	"filippo.io/age":               {"server", "cmd/hotpath"},
	"google.golang.org/protobuf":   {"loader", "server"},
	"google.golang.org/grpc":       {"server", "bench/proxies"},
	"github.com/go-jose":           {"server"},
	"github.com/alecthomas/kong":   {"cmd/hotpath"},
	"github.com/prometheus":        {"server", "cmd/hotpath"},
	"gonum.org/v1/plot":            {"bench/roofline"},
	"golang.org/x/image":           {"graph/picture"},
}

// imports lists the direct imports of every package of the module, tests aside.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		all[strings.TrimPrefix(f[0], module+"/")] = f[1:]
	}
	return all
}

// row finds the row of a package: its own name, or that of its siblings "dir/*".
func row(pkg string) (string, bool) {
	for _, key := range []string{pkg, path.Dir(pkg) + "/*"} {
		if _, ok := mayImport[key]; ok {
			return key, true
		}
	}
	return "", false
}

// reach is everything a row may import, transitively.
func reach(key string, seen map[string]bool) {
	for _, to := range mayImport[key] {
		if seen[to] {
			continue
		}
		seen[to] = true
		reach(to, seen)
		for sibling := range mayImport {
			if path.Dir(sibling)+"/*" == to {
				reach(sibling, seen)
			}
		}
	}
}

func TestArrows(t *testing.T) {
	for pkg, list := range imports(t) {
		key, ok := row(pkg)
		if !ok {
			t.Errorf("package %s has no row in mayImport: say there what it may import", pkg)
			continue
		}
		allowed := map[string]bool{}
		reach(key, allowed)
		for _, imp := range list {
			to, own := strings.CutPrefix(imp, module+"/")
			if own {
				if !allowed[to] && !allowed[path.Dir(to)+"/*"] {
					t.Errorf("%s imports %s: the arrows (design: mayImport) do not allow it", pkg, to)
				}
				continue
			}
			for third, homes := range onlyIn {
				if imp != third && !strings.HasPrefix(imp, third+"/") {
					continue
				}
				home := false
				for _, h := range homes {
					home = home || pkg == h || strings.HasPrefix(pkg, h+"/")
				}
				if !home {
					t.Errorf("%s imports %s, which belongs in %v", pkg, imp, homes)
				}
			}
		}
	}
}

// TestBinaryIsPure: the default binary must stay static, so nothing in it may need libc's loader.
func TestBinaryIsPure(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/hotpath")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		switch pkg := strings.TrimSpace(line); {
		case pkg == "runtime/cgo", strings.Contains(pkg, "ebitengine/purego"), strings.Contains(pkg, "mmcloughlin/avo"):
			t.Errorf("the binary contains %s", pkg)
		}
	}
}
