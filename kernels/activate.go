package kernels

// Activate computes x = f(x) for the activation f of e.
func (e *Epilogue) Activate(x []float32) { activate(e.Act, x, e.Alpha, e.Beta) }
