package kernels

// Activation is a function applied at the end of a GEMM epilogue, after the bias.
type Activation uint8

const (
	ActNone Activation = iota
	ActRelu            // see ReluF32
)
