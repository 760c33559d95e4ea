package graph

import (
	"errors"
	"fmt"
)

// Errors of models and of their execution; every error of this tree wraps one of them, and the server derives the
// HTTP status from it.
var (
	// ErrFormat: bytes that are not a valid model file.
	ErrFormat = errors.New("invalid model file")
	// ErrLimit: a model or request beyond a stated budget.
	ErrLimit = errors.New("limit exceeded")
	// ErrModel: a well-formed file whose graph is not valid (unknown value, cycle, wrong attribute, wrong shape).
	ErrModel = errors.New("invalid model")
	// ErrUnsupported: a valid model that uses an operator, dtype or opset hotpath does not have.
	ErrUnsupported = errors.New("unsupported")
	// ErrNeedsValue: a shape that follows from the value of an input, not from its shape alone. Op.Infer says so where Arg.Const is nil;
	// a plan then asks again in each run, with the value.
	ErrNeedsValue = errors.New("the shape follows from the value of an input")
	// ErrInput: inputs of a run that do not fit the signature.
	ErrInput = errors.New("invalid input")
)

// NeedsValue is ErrNeedsValue for one input of a node. It is ErrUnsupported too, for callers that have no values to give.
type NeedsValue struct {
	Node  string
	Input int
}

// Error implements error.
func (e *NeedsValue) Error() string {
	return fmt.Sprintf("%s: input %d: %v: %v", e.Node, e.Input, ErrNeedsValue, ErrUnsupported)
}

// Is makes e match ErrNeedsValue and ErrUnsupported.
func (e *NeedsValue) Is(target error) bool {
	return target == ErrNeedsValue || target == ErrUnsupported
}
