package kernels

// Activation is the function at the end of an [Epilogue]. Alpha and Beta are the epilogue's.
type Activation uint8

const (
	ActNone        Activation = iota
	ActRelu                   // ReluF32
	ActSigmoid                // SigmoidF32
	ActTanh                   // TanhF32
	ActGelu                   // GeluF32
	ActGeluTanh               // GeluTanhF32
	ActSilu                   // SiluF32
	ActHardSwish              // HardSwishF32
	ActSoftplus               // SoftplusF32
	ActClip                   // ClipF32 to Alpha…Beta
	ActLeakyRelu              // LeakyReluF32 with Alpha
	ActElu                    // EluF32 with Alpha
	ActHardSigmoid            // HardSigmoidF32 with Alpha and Beta
	numActivations
)

// Activations is how many there are: valid ones are below it.
const Activations = int(numActivations)

// activate computes x = f(x) for activation a.
func activate(a Activation, x []float32, alpha, beta float32) {
	switch a {
	case ActRelu:
		ReluF32(x, x)
	case ActSigmoid:
		SigmoidF32(x, x)
	case ActTanh:
		TanhF32(x, x)
	case ActGelu:
		GeluF32(x, x)
	case ActGeluTanh:
		GeluTanhF32(x, x)
	case ActSilu:
		SiluF32(x, x)
	case ActHardSwish:
		HardSwishF32(x, x)
	case ActSoftplus:
		SoftplusF32(x, x)
	case ActClip:
		ClipF32(x, x, alpha, beta)
	case ActLeakyRelu:
		LeakyReluF32(x, x, alpha)
	case ActElu:
		EluF32(x, x, alpha)
	case ActHardSigmoid:
		HardSigmoidF32(x, x, alpha, beta)
	}
}
