package jsontensor

import (
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestDTypes reads and writes the limits of every dtype, and what lies beyond them.
func TestDTypes(t *testing.T) {
	for d, c := range map[tensor.DType]struct{ good, bad string }{
		tensor.Float16:  {`[[65504],[-0.5]]`, `[[1e5]]`},
		tensor.BFloat16: {`[[3.3895314e+38],[0.5]]`, `[[3.4e38]]`},
		tensor.Int16:    {`[[32767],[-32768]]`, `[[32768]]`},
		tensor.Uint16:   {`[[65535],[0]]`, `[[-1]]`},
		tensor.Uint32:   {`[[4294967295],[0]]`, `[[4294967296]]`},
		tensor.Uint64:   {`[[18446744073709551615],[0]]`, `[[18446744073709551616]]`},
		tensor.Int64:    {`[[9223372036854775807],[-9223372036854775808]]`, `[[9223372036854775808]]`},
	} {
		s := &graph.Signature{Inputs: []graph.Input{{Name: "x", DType: d, Shape: []int{-1, 1}}}}
		ts, err := rows(s, c.good, Options{})
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		if got, want := describe(ts), "[2 1] "+c.good; got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
		if _, err := rows(s, c.bad, Options{}); err == nil || !strings.Contains(err.Error(), "k[0][0]") {
			t.Errorf("%s: %s gives %v, want an error that names the field", d, c.bad, err)
		}
	}
}
