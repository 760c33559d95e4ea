package asm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
)

var (
	rawBytes = regexp.MustCompile(`^(LONG|WORD|BYTE) \$0x([0-9a-f]+)$`)
	dumped   = regexp.MustCompile(`^\s*[0-9a-f]+:\s+((?:[0-9a-f]{2} )+)\s*(\S.*)$`)
)

// rawInstructions returns the instructions of a generated kernel that are emitted as bytes, by the text in their comment.
func rawInstructions(t *testing.T, text string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	comment := ""
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(line, "// "); ok {
			comment = c
			delete(found, c) // the same instruction again
			continue
		}
		m := rawBytes.FindStringSubmatch(line)
		if m == nil {
			comment = ""
			continue
		}
		v, err := strconv.ParseUint(m[2], 16, 32)
		if err != nil || comment == "" {
			t.Fatalf("%q: bytes without an instruction in a comment above: %v", line, err)
		}
		for range map[string]int{"LONG": 4, "WORD": 2, "BYTE": 1}[m[1]] {
			found[comment] = append(found[comment], byte(v))
			v >>= 8
		}
	}
	return found
}

// atAndT rewrites an instruction as objdump prints it.
func atAndT(text string) string {
	op, operands, _ := strings.Cut(text, " ")
	s := regexp.MustCompile(`(?:(-?\d+))?\((\w+)\)(?:\((\w+)\*1\))?`).ReplaceAllStringFunc(operands, func(m string) string {
		p := regexp.MustCompile(`(?:(-?\d+))?\((\w+)\)(?:\((\w+)\*1\))?`).FindStringSubmatch(m)
		out := ""
		if p[1] != "" {
			d, _ := strconv.Atoi(p[1])
			out = fmt.Sprintf("%#x", d)
		}
		if p[3] == "" {
			return out + "(%" + gpName(p[2]) + ")"
		}
		return out + "(%" + gpName(p[2]) + ",%" + gpName(p[3]) + ",1)"
	})
	s = regexp.MustCompile(`\b([XYZ])(\d+)\b`).ReplaceAllStringFunc(s, func(m string) string { return "%" + strings.ToLower(m[:1]) + "mm" + m[1:] })
	s = regexp.MustCompile(`\bT(\d)\b`).ReplaceAllString(s, "%tmm$1")
	return strings.TrimSpace(strings.ToLower(op) + " " + strings.ReplaceAll(s, ", ", ","))
}

func gpName(s string) string {
	if strings.HasPrefix(s, "R") {
		return strings.ToLower(s)
	}
	return "r" + strings.ToLower(s)
}

// TestEncodedBytes disassembles every instruction that is emitted as bytes and compares it with its comment.
func TestEncodedBytes(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		if cpu.Required() {
			t.Fatalf("HOTPATH_REQUIRE=1: %v", err)
		}
		t.Skip("no objdump")
	}
	paths, err := filepath.Glob("../kernels/z*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	instructions := map[string][]byte{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range rawInstructions(t, string(text)) {
			if old, ok := instructions[name]; ok && string(old) != string(b) {
				t.Errorf("%s: %s is % x, elsewhere % x", p, name, b, old)
			}
			instructions[name] = b
		}
	}
	var names []string
	var code []byte
	ops := map[string]bool{}
	for name, b := range instructions {
		names, code = append(names, name), append(code, b...)
		op, _, _ := strings.Cut(name, " ")
		ops[op] = true
	}
	for op := range encodings {
		if !ops[op] {
			t.Errorf("no kernel has %s", op)
		}
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "--insn-width=16", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(string(out), "\n") {
		if m := dumped.FindStringSubmatch(line); m != nil {
			got = append(got, strings.Join(strings.Fields(m[2]), " "))
		}
	}
	if len(got) != len(names) {
		t.Fatalf("objdump found %d instructions, %d are encoded", len(got), len(names))
	}
	for i, name := range names {
		if want := atAndT(name); got[i] != want {
			t.Errorf("% x is %s, the comment says %s", instructions[name], got[i], want)
		}
	}
	t.Logf("%d different instructions", len(names))
}
