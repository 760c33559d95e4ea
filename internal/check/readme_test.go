package check

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph/ops"
)

var write = flag.Bool("write", false, "rewrite the lists in README.md")

// TestReadmeLists: the lists between <!-- NAME --> and <!-- /NAME --> in the README are what the source says.
func TestReadmeLists(t *testing.T) {
	name := filepath.Join(root, "README.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for list, content := range map[string]string{
		"targets": makeTargets(t), "verbs": verbs(t), "operators": operators(), "kernels": kernelNames(t),
	} {
		begin, end := "<!-- "+list+" -->\n", "<!-- /"+list+" -->"
		before, rest, ok := strings.Cut(readme, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Errorf("README.md has no place for the list %q", list)
			continue
		}
		readme = before + begin + content + end + after
	}
	if readme == string(text) {
		return
	}
	if !*write {
		t.Fatal("README.md lists something else than the source: run make gen")
	}
	if err := os.WriteFile(name, []byte(readme), 0o644); err != nil {
		t.Fatal(err)
	}
}

func matches(t *testing.T, file, pattern string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		t.Fatalf("%s: nothing matches %s", file, pattern)
	}
	return found
}

func makeTargets(t *testing.T) string {
	var b strings.Builder
	for _, m := range matches(t, "Makefile", `(?m)^([a-z-]+):.*## (.*)$`) {
		fmt.Fprintf(&b, "- `make %s`: %s\n", m[1], m[2])
	}
	return b.String()
}

func verbs(t *testing.T) string {
	var b strings.Builder
	for _, m := range matches(t, "cmd/hotpath/main.go", "(?m)^\t([A-Z]\\w*) +\\w+Cmd +`cmd:\"\" help:\"([^\"]*)\"`") {
		fmt.Fprintf(&b, "- `hotpath %s`: %s\n", strings.ToLower(m[1]), m[2])
	}
	return b.String()
}

// operators lists ONNX operators by domain; a bold one has a gradient.
func operators() string {
	byDomain := map[string][]string{}
	for _, op := range ops.All() {
		name := op.Type
		if op.Grad != nil {
			name = "**" + name + "**"
		}
		byDomain[op.Domain] = append(byDomain[op.Domain], name)
	}
	var b strings.Builder
	for _, d := range []struct{ domain, title string }{{"", "`ai.onnx`"}, {"ai.onnx.ml", "`ai.onnx.ml`"}, {"com.microsoft", "`com.microsoft`"}, {"hotpath", "made by fusion, never written"}} {
		slices.SortFunc(byDomain[d.domain], func(a, b string) int { return strings.Compare(strings.Trim(a, "*"), strings.Trim(b, "*")) })
		fmt.Fprintf(&b, "- %s: %s\n", d.title, strings.Join(byDomain[d.domain], ", "))
	}
	return b.String()
}

func kernelNames(t *testing.T) string {
	files, err := filepath.Glob(filepath.Join(root, "kernels", "z*_amd64.s"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no generated kernels: %v", err)
	}
	byTier := map[string][]string{}
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "z"), "_amd64.s")
		i := strings.LastIndexByte(name, '_')
		byTier[name[i+1:]] = append(byTier[name[i+1:]], "`"+name[:i]+"`")
	}
	var b strings.Builder
	for _, tier := range []string{"avx2", "avx512", "vnni", "amx"} {
		slices.Sort(byTier[tier])
		fmt.Fprintf(&b, "- %s: %s\n", tier, strings.Join(byTier[tier], ", "))
	}
	return b.String()
}
