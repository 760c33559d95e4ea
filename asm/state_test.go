package asm

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	wideRegister = regexp.MustCompile(`\b[YZ]([0-9]|[12][0-9]|3[01])\b`)
	frameSize    = regexp.MustCompile(`^TEXT .*\$(\d+)-\d+`)
	writesSP     = regexp.MustCompile(`^[A-Z]\w* .*, SP$|^(PUSH|POP|ENTER|LEAVE)`)
	changesMode  = regexp.MustCompile(`^(VLDMXCSR|STD|FLD\w*|FST\w*|EMMS|XRSTOR\w*|WR[FG]SBASE\w*)\b|\bM[0-7]\b`)
	usesTiles    = regexp.MustCompile(`\b(TILELOADD\w*|LDTILECFG|TDP\w+|TILEZERO)\b`)
)

// checkState returns what in a kernel's text would leave state behind that its caller does not expect: upper halves of vector registers
// (which mixing with SSE code pays for) or tiles in use at a RET, a frame pointer overwritten without a frame to save it in, a moved stack
// pointer, a changed mode. A kernel may round in another mode between saving MXCSR and loading what it saved. All other registers belong to the callee in ABI0; Go's wrapper restores those that ABIInternal fixes (R14, X15).
func checkState(text string) error {
	wide, tiles, frame := wideRegister.MatchString(text), usesTiles.MatchString(text), "0"
	previous, returns := [2]string{}, 0
	saved, otherMode := "", ""
	for line := range strings.Lines(text) {
		if m := frameSize.FindStringSubmatch(line); m != nil {
			frame = m[1]
		}
		code, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		code = strings.Join(strings.Fields(code), " ") // operands are aligned
		mnemonic := strings.TrimSpace(comment)         // of an instruction in bytes
		switch {
		case code == "" && !strings.HasPrefix(mnemonic, "TILERELEASE"):
			continue
		case code == "RET":
			returns++
			before := previous[0] + " " + previous[1]
			if wide && !strings.Contains(before, "VZEROUPPER") {
				return fmt.Errorf("RET after %q without VZEROUPPER", previous[1])
			}
			if otherMode != "" {
				return fmt.Errorf("RET in the mode of %q", otherMode)
			}
			if tiles && !strings.Contains(text, "TILERELEASE") {
				return fmt.Errorf("RET without TILERELEASE")
			}
		case strings.HasPrefix(code, "STMXCSR "):
			saved = strings.TrimPrefix(code, "STMXCSR ")
		case strings.HasPrefix(code, "LDMXCSR "):
			otherMode = ""
			if saved == "" || code != "LDMXCSR "+saved {
				otherMode = code
			}
		case writesSP.MatchString(code):
			return fmt.Errorf("%s moves the stack pointer", code)
		case changesMode.MatchString(code):
			return fmt.Errorf("%s changes the CPU's mode", code)
		case frame == "0" && strings.HasPrefix(line, "\t") && regexp.MustCompile(`, BP$`).MatchString(code):
			return fmt.Errorf("%s overwrites the frame pointer, and a frame of $0 does not save it", code)
		}
		if !strings.HasPrefix(code, "BYTE") {
			previous = [2]string{previous[1], code}
		}
	}
	if returns == 0 {
		return fmt.Errorf("no RET")
	}
	return nil
}

func TestState(t *testing.T) {
	for _, k := range table {
		text, err := assemble(k)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkState(string(text)); err != nil {
			t.Errorf("%s: %v", k.name(), err)
		}
	}
}

// TestCheckState: broken texts are noticed.
func TestCheckState(t *testing.T) {
	const head = "TEXT ·f(SB), NOSPLIT, $0-8\n"
	for text, want := range map[string]string{
		head + "\tVMOVUPS X0, (AX)\n\tRET\n":                                                 "",
		head + "\tVMOVUPS Y0, (AX)\n\tVZEROUPPER\n\tRET\n":                                   "",
		head + "\tVMOVUPS Y0, (AX)\n\tRET\n":                                                 "VZEROUPPER",
		head + "\tVMOVUPS Z17, (AX)\n\tVZEROUPPER\n\tRET\nx:\n\tMOVQ AX, BX\n\tRET\n":        "VZEROUPPER",
		head + "\tMOVQ AX, BP\n\tRET\n":                                                      "frame pointer",
		strings.Replace(head, "$0", "$8", 1) + "\tMOVQ AX, BP\n\tRET\n":                      "",
		head + "\tADDQ $8, SP\n\tRET\n":                                                      "stack pointer",
		head + "\tLDMXCSR (AX)\n\tRET\n":                                                     "mode",
		head + "\tSTMXCSR (SP)\n\tLDMXCSR 8(SP)\n\tRET\n":                                    "mode",
		head + "\tSTMXCSR (SP)\n\tLDMXCSR 8(SP)\n\tLDMXCSR (SP)\n\tRET\n":                    "",
		head + "\tSTD\n\tRET\n":                                                              "mode",
		head + "\t// TDPBUSD T2, T1, T0\n\tBYTE $0xc4\n\tRET\n":                              "TILERELEASE",
		head + "\t// TDPBUSD T2, T1, T0\n\tBYTE $0xc4\n\t// TILERELEASE\n\tBYTE $1\n\tRET\n": "",
		head + "\tMOVQ AX, BX\n":                                                             "no RET",
	} {
		err := checkState(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
