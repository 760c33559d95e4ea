package interp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// program writes and parses a function that takes x []float32.
func program(t *testing.T, body ...string) (*Program, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.s")
	text := "TEXT ·f(SB), NOSPLIT, $8-24\n\tMOVQ x_base+0(FP), AX\n\t" + strings.Join(body, "\n\t") + "\n\tRET\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return ParseFile(path)
}

// TestFaults: what a broken kernel does is reported, with the line.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		body []string
		want string // "" where there is nothing wrong
	}{
		{"in bounds", []string{"VMOVUPS (AX), X0", "VMOVUPS X0, 16(AX)"}, ""},
		{"past the end", []string{"VMOVUPS 20(AX), X0"}, "outside the arguments"},
		{"before the start", []string{"MOVQ -8(AX), BX"}, "outside the arguments"},
		{"masked off past the end", []string{"MOVQ $7, BX", "KMOVW BX, K1", "VMOVUPS.Z 20(AX), K1, Z1", "VZEROUPPER"}, ""},
		{"masked on past the end", []string{"MOVQ $15, BX", "KMOVW BX, K1", "VMOVUPS.Z 20(AX), K1, Z1", "VZEROUPPER"}, "outside the arguments"},
		{"no VZEROUPPER", []string{"VXORPS Y0, Y0, Y0"}, "without VZEROUPPER"},
		{"undefined flags", []string{"SHLQ $1, AX", "JEQ nowhere"}, "flags are undefined"},
		{"no label", []string{"JMP nowhere"}, "no label"},
		{"outside locals", []string{"MOVQ AX, 8(SP)"}, "outside locals"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := program(t, c.body...)
			if err != nil {
				t.Fatal(err)
			}
			x := make([]float32, 8)
			err = p.Run(unsafe.Pointer(&x), Layout{Slices: []Slice{{"x", 0, 4}}, Result: 24})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Run() = %v, want %q", err, c.want)
			}
		})
	}
}

func TestUnknownInstruction(t *testing.T) {
	for _, line := range []string{"VPERMB Z1, Z2, Z3", "VMOVUPS (QX), X0", "FXSAVE (AX)"} {
		if _, err := program(t, line); err == nil || !strings.Contains(err.Error(), "f.s:3") {
			t.Errorf("%s: ParseFile() = %v, want an error that names the line", line, err)
		}
	}
}
