package ops_test

import (
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph/tensor"
)

// runTimeOperands are the operators whose constant operands, which they prepare when they are built, may come with each run as well.
var runTimeOperands = []string{"QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger", "QuantizeLinear", "DequantizeLinear", "Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN"}

// TestRunTimeOperands: an operand that comes with a run gives what a constant gives.
func TestRunTimeOperands(t *testing.T) {
	for _, c := range cases {
		if c.wantErr != nil || c.domain != "" || !slices.Contains(runTimeOperands, c.op) {
			continue
		}
		c.consts = nil
		got, err := c.run()
		if err != nil {
			t.Errorf("%s %s: %v", c.op, c.name, err)
			continue
		}
		for i, want := range c.want {
			if d := diff(got[i], want); d != "" {
				t.Errorf("%s %s: output %d: %s", c.op, c.name, i, d)
			}
		}
	}
}

// TestScaleOfZero: what no constant may be, a run answers like a division by zero.
func TestScaleOfZero(t *testing.T) {
	c := opCase{op: "QuantizeLinear", in: ts(vec(1, -1, 0), f32([]float32{0}))}
	got, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(got[0], tensor.Of([]uint8{255, 0, 0}, 3)); d != "" {
		t.Error(d)
	}
}
