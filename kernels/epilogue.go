package kernels

import "fmt"

// Epilogue is what a product or a convolution does to its result, block by block while it lies in the cache, after the bias:
//
//	c[i][j] = act(c[i][j] + residual[i·ResidualRow + j·ResidualCol])·Scale + Shift
//
// Each step is the kernel of the separate operator (AddF32, the activation's, AffineF32), so fusing changes no bits. The zero value and nil
// do nothing.
type Epilogue struct {
	Act          Activation
	Alpha, Beta  float32 // of Act
	Affine       bool    // scale and shift
	Scale, Shift float32
	Residual     []float32 // nil: none. It must not overlap the result.
	// ResidualRow is the distance of the residual's rows; 0 lets one row serve all. ResidualCol is 1, or 0 where one element serves a
	// whole row.
	ResidualRow, ResidualCol int
}

// apply finishes one row, or part of one, in place. residual is nil, as long as row, or one element.
func (e *Epilogue) apply(row, residual []float32) {
	if residual != nil {
		AddF32(row, row, residual)
	}
	e.Activate(row)
}

// Activate applies what follows the residual, in place.
func (e *Epilogue) Activate(x []float32) {
	activate(e.Act, x, e.Alpha, e.Beta)
	if e.Affine {
		AffineF32(x, x, 0, e.Scale, e.Shift)
	}
}

// activates reports whether anything follows the residual.
func (e *Epilogue) activates() bool { return e.Act != ActNone || e.Affine }

// none reports whether there is nothing to do.
func (e *Epilogue) none() bool { return !e.activates() && e.Residual == nil }

// reluAlone reports whether there is nothing to do but ReluF32.
func (e *Epilogue) reluAlone() bool { return e.Act == ActRelu && !e.Affine && e.Residual == nil }

// residual returns the part for columns j0…j1 of row i.
func (e *Epilogue) residual(i, j0, j1 int) []float32 {
	if e.Residual == nil {
		return nil
	}
	if e.ResidualCol == 0 {
		return e.Residual[i*e.ResidualRow:][:1]
	}
	return e.Residual[i*e.ResidualRow:][j0:j1]
}

// block finishes rows i0…i1 and columns j0…j1 of c. Blocks whose rows follow each other without a gap are one long row.
func (e *Epilogue) block(c []float32, ldc, i0, i1, j0, j1 int) {
	if ldc == j1-j0 && (e.Residual == nil || e.ResidualCol == 1 && e.ResidualRow == ldc) {
		e.apply(c[i0*ldc:i1*ldc], e.flat(i0*ldc, i1*ldc))
		return
	}
	for i := i0; i < i1; i++ {
		e.apply(c[i*ldc+j0:i*ldc+j1], e.residual(i, j0, j1))
	}
}

func (e *Epilogue) flat(from, to int) []float32 {
	if e.Residual == nil {
		return nil
	}
	return e.Residual[from:to]
}

// check panics unless the residual covers an m×n result and the activation exists.
func (e *Epilogue) check(m, n int) {
	if e.Act >= numActivations {
		panic(fmt.Sprintf("kernels: activation %d", e.Act))
	}
	if e.Residual == nil || m == 0 || n == 0 {
		return
	}
	if e.ResidualRow < 0 || uint(e.ResidualCol) > 1 || (m-1)*e.ResidualRow+(n-1)*e.ResidualCol >= len(e.Residual) {
		panic(fmt.Sprintf("kernels: a residual of %d elements with strides %d, %d for %d×%d", len(e.Residual), e.ResidualRow, e.ResidualCol, m, n))
	}
}
