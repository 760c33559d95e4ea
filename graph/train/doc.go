// Package train fits models to tables. Multi-layer perceptrons, linear models, linear SVMs and decision trees all come
// out as graphs with their preprocessing inside, so whatever runs a graph runs them on raw features.
//
// One table, one Spec and one seed give one model, bit for bit, on any number of threads and on every instruction set:
// all arithmetic is done by package kernels or written as single roundings in a fixed order.
package train

import "errors"

// Errors of this package wrap one of these.
var (
	// ErrSpec: a Spec whose fields are wrong or do not go together.
	ErrSpec = errors.New("invalid training specification")
	// ErrData: a table that cannot be learned from.
	ErrData = errors.New("unusable training data")
	// ErrDiverged: the loss became infinite or not a number.
	ErrDiverged = errors.New("training diverged")
)
