package plan_test

import (
	"fmt"
	"log"

	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader"
)

// Load a model of any known format, compile it, run it: a run allocates nothing once it has seen the shapes of its inputs.
func Example() {
	model, err := loader.Open("../../cmd/hotpath/digits/digits.onnx")
	if err != nil {
		log.Fatal(err)
	}
	compiled, err := plan.Compile(model, plan.Options{Pool: kernels.NewPool(1)})
	if err != nil {
		log.Fatal(err)
	}
	inputs, outputs := compiled.NewInputs(2), compiled.NewOutputs() // two rows
	pixels := tensor.Data[float32](inputs[0])
	for i := range pixels {
		pixels[i] = float32(i % 17)
	}
	if err := compiled.Run(inputs, outputs); err != nil {
		log.Fatal(err)
	}
	fmt.Println(compiled.Signature().Outputs[0].Name, outputs[0].Shape)
	// Output: output [2 10]
}

// The same row has the same bits alone and in a batch, so callers may be batched where the signature says that it is proven.
func ExamplePlan_Signature() {
	model, err := loader.Open("../../cmd/hotpath/digits/digits.onnx")
	if err != nil {
		log.Fatal(err)
	}
	compiled, err := plan.Compile(model, plan.Options{})
	if err != nil {
		log.Fatal(err)
	}
	s := compiled.Signature()
	fmt.Println(s.Task, s.Inputs[0].Name, s.Inputs[0].Shape, s.RowIndependent)
	// Output: classification input [-1 64] true
}
