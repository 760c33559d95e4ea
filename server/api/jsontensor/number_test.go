package jsontensor

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestFloat32IsCorrectlyRounded compares with strconv bit for bit, on text near the midpoints of float32 above all.
func TestFloat32IsCorrectlyRounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(text string) {
		n := scanNumber([]byte(text), 0)
		if n.end != len(text) {
			t.Fatalf("scan %q ended at %d", text, n.end)
		}
		want, err := strconv.ParseFloat(text, 32)
		got, ok := n.float32([]byte(text))
		if ok != (err == nil) || ok && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%q: got %g (%x), want %g", text, got, math.Float32bits(got), want)
		}
		want64, err := strconv.ParseFloat(text, 64)
		got64, ok := n.float64([]byte(text))
		if ok != (err == nil) || ok && math.Float64bits(got64) != math.Float64bits(want64) {
			t.Fatalf("%q: got %g, want %g in float64", text, got64, want64)
		}
		checkPlain(t, text)
	}
	for _, text := range []string{"0", "-0", "0.0", "-0.0e5", "1", "16777217", "33554435", "0.1", "1e999", "-1e999",
		"1e-999", "3.4028235e38", "3.4028236e38", "1.17549435e-38", "1e-45", "7.0064923216240853e-46",
		"9007199254740993", "18446744073709551615", "99999999999999999999", "0.30000001192092896", "1e22", "1e23",
		"0.00000000000000000000000000001", "1E+2", "1e-07", "12345678.12345678"} {
		check(text)
	}
	for range 300000 {
		f := math.Float32frombits(rng.Uint32())
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		check(strconv.FormatFloat(float64(f), 'g', -1, 32))
		check(strconv.FormatFloat(float64(f), 'f', rng.IntN(20), 64))
		next := math.Nextafter32(f, math.MaxFloat32)
		mid := (float64(f) + float64(next)) / 2
		check(strconv.FormatFloat(mid, 'g', -1, 64))
		check(strconv.FormatFloat(math.Nextafter(mid, 0), 'g', -1, 64))
		check(strconv.FormatFloat(rng.Float64()*100, 'g', -1, 64))
		check(strconv.FormatFloat(mid, 'g', 17+rng.IntN(3), 64))

		f = math.Float32frombits(0x38d1b717 + rng.Uint32N(0x41200000-0x38d1b717)) // 10^-4 to 10, which longFloat32 reads
		mid = (float64(f) + float64(math.Nextafter32(f, 10))) / 2
		off := [...]float64{0, 1e-15, -1e-15, 1e-12, -1e-12, 1e-9}[rng.IntN(6)]
		check(strconv.FormatFloat(mid*(1+off*rng.Float64()), 'f', 16+rng.IntN(8), 64))
	}
}

// checkPlain holds plainFloat32 and longFloat32 against the general way where they do not leave a number to that.
func checkPlain(t *testing.T, text string) (plain, long bool) {
	b := []byte(text + ", 1" + strings.Repeat("2", plainRoom))
	n := scanNumber(b, 0)
	want, ok := n.float32(b)
	same := func(got float32, end int) bool {
		if end != 0 && b[end]|0x20 != 'e' && (end != n.end || !ok || math.Float32bits(got) != math.Float32bits(want)) {
			t.Fatalf("%q: plain %g up to %d, want %g up to %d", text, got, end, want, n.end)
		}
		return end != 0
	}
	return same(plainFloat32(b, 0)), same(longFloat32(b, 0))
}

// TestPlainNumbers reads the usual forms the short way, and leaves the others to the general one.
func TestPlainNumbers(t *testing.T) {
	for _, text := range []string{"0.1", "-0.5", "1.25", "123.4567", "0.12345678", "0.123456789012345", "0.1234567890123456", "0.12345678901234567",
		"-0.03661450510389", "12345678.123456"} {
		if plain, _ := checkPlain(t, text); !plain {
			t.Errorf("%q is not read the short way", text)
		}
	}
	for _, text := range []string{"1", "-", "-0.0", "01.5", "1.", ".5", "1.5e3", "1.5E3", "1.x", "0.12345678901234567890", "x", "null", "1.17549435e-38",
		"12345678901234567890.5", "1.50000001e1"} {
		if plain, _ := checkPlain(t, text); plain {
			t.Errorf("%q is read the short way", text)
		}
	}
	for text, want := range map[string]bool{"0.1234567890123456": true, "-9.99999999999999999": true, "0.12345678901234567890123": true, "1.0000000000000000": true,
		"0.000123456789012345": true, "0.0000000000000000": false, "0.00001234567890123": false, "0.123456789012345": false, "10.1234567890123456": false,
		"0.123456789012345678901234": false, "0.30000001192092896": true, "0.3000000268220901": false, "-.1234567890123456": false, "01.234567890123456": false,
		"0.1234567x90123456": false, "-": false} {
		if _, long := checkPlain(t, text); long != want {
			t.Errorf("%q: read as a long number %v, want %v", text, long, want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-1.5e3", "01", "1.", ".5", "+1", "1e", "0x10", "1_0", "Infinity", "-", "1e5.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkPlain(t, s)
		n := scanNumber([]byte(s), 0)
		valid := json.Valid([]byte(s)) && s[len(s)-1]-'0' < 10 && (s[0] == '-' || s[0]-'0' < 10)
		if got := n.end == len(s) && n.end > 0; got != valid {
			t.Fatalf("%q: accepted %v, encoding/json says %v", s, got, valid)
		}
		if !valid {
			return
		}
		want, err := strconv.ParseFloat(s, 32)
		got, ok := n.float32([]byte(s))
		if ok != (err == nil) || ok && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%q: got %g, want %g", s, got, want)
		}
		i, err := strconv.ParseInt(s, 10, 64)
		if v, ok := n.int(math.MinInt64, math.MaxInt64); ok != (err == nil) || v != i && ok {
			t.Fatalf("%q: integer %d %v, want %d", s, v, ok, i)
		}
	})
}
