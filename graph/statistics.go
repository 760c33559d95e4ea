package graph

import (
	"fmt"
	"slices"
)

// ColumnStats is how the values of a column were distributed in the data that a model was trained on, for whoever watches
// whether it still gets data like that.
type ColumnStats struct {
	Rows    int     `json:"rows"`
	Missing float32 `json:"missing,omitempty"` // share of the rows
	// Of a column of numbers, those that are there.
	Mean float32 `json:"mean,omitempty"`
	Std  float32 `json:"std,omitempty"`
	Min  float32 `json:"min,omitempty"`
	Max  float32 `json:"max,omitempty"`
	// Edges are the upper bounds of bins of numbers, ascending, each bound in its bin: the first bin is below the least
	// value, the last, which has no bound, above the greatest.
	Edges []float32 `json:"edges,omitempty"`
	// Categories are the most frequent values of a column of text.
	Categories []string `json:"categories,omitempty"`
	// Shares are the parts of the values that are there: of each bin, or of each category and then of all others.
	Shares []float32 `json:"shares,omitempty"`
}

// check proves that the parts fit each other. Errors wrap ErrModel.
func (c *ColumnStats) check() error {
	if bins := max(len(c.Edges), len(c.Categories)) + 1; len(c.Shares) != 0 && len(c.Shares) != bins {
		return fmt.Errorf("%d shares, expected %d: %w", len(c.Shares), bins, ErrModel)
	}
	if !slices.IsSorted(c.Edges) {
		return fmt.Errorf("edges do not ascend: %w", ErrModel)
	}
	for _, s := range c.Shares {
		if s < 0 || s > 1 {
			return fmt.Errorf("share %g, expected 0 to 1: %w", s, ErrModel)
		}
	}
	return nil
}
