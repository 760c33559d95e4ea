package digits

import (
	"bytes"
	"testing"

	"github.com/hotpath/hotpath/graph/train"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/onnx"
	"github.com/hotpath/hotpath/loader/table"
)

// TestModelIsWhatTrainWrites retrains the embedded model and compares the bytes.
func TestModelIsWhatTrainWrites(t *testing.T) {
	tab, err := table.Open("digits.csv", table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool := kernels.NewPool(kernels.DefaultThreads())
	defer pool.Close()
	r, err := train.Fit(tab, train.Spec{Target: "label", Model: "mlp:128,64"}, train.Options{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	data, err := onnx.Write(r.Model)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, Model) {
		t.Error("digits.onnx is not what train writes; see the command in digits.go")
	}
	if r.Holdout.Accuracy < 0.97 {
		t.Errorf("held-out accuracy %.4f, expected at least 0.97", r.Holdout.Accuracy)
	}
}
