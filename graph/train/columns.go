package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/loader/table"
)

// feature is a column that the model reads.
type feature struct {
	*table.Column
	categories []string // of a text column, sorted
}

const (
	// maxCategories of a text column get a feature each; rarer ones share the all-zero code with unknown ones.
	maxCategories = 256
	// fewCategories are never taken for an identifier.
	fewCategories = 20
)

// chooseFeatures picks the columns to learn from and says why others are left out. Statistics are those of the training rows.
func chooseFeatures(t *table.Table, targetColumn int, spec *Spec, rows []int) (features []feature, notes []string, err error) {
	skip := make([]bool, len(t.Columns))
	if len(spec.Features) > 0 {
		for i := range skip {
			skip[i] = true
		}
	}
	for _, list := range []struct {
		refs []string
		skip bool
	}{{spec.Features, false}, {spec.Drop, true}} {
		for _, ref := range list.refs {
			i, err := t.Find(ref)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", err, ErrSpec)
			}
			skip[i] = list.skip
		}
	}
	named := len(spec.Features) > 0 // columns asked for by name are never guessed away
	for i := range t.Columns {
		c := &t.Columns[i]
		if skip[i] || i == targetColumn {
			continue
		}
		f, why := newFeature(c, rows, t.Named && !named)
		if why != "" {
			notes = append(notes, fmt.Sprintf("column %q is left out: %s", c.Name, why))
			continue
		}
		features = append(features, f)
	}
	if len(features) == 0 {
		return nil, nil, fmt.Errorf("%s: no column is left to learn from (%s): %w", t.File, strings.Join(notes, "; "), ErrData)
	}
	return features, notes, nil
}

// newFeature looks at one column; why says that it is of no use.
func newFeature(c *table.Column, rows []int, guess bool) (f feature, why string) {
	f.Column = c
	if c.Numeric() {
		if slices.IndexFunc(rows, func(r int) bool { return !c.Missing(r) }) < 0 {
			return f, "all its values are missing"
		}
		if guess && looksLikeID(c, rows) {
			return f, "it numbers the rows"
		}
		return f, ""
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[c.Text[r]]++
	}
	switch n := len(counts); {
	case n == 1:
		return f, "it has one value only"
	case n > fewCategories && n > len(rows)/2:
		return f, fmt.Sprintf("its text has %d different values in %d rows", n, len(rows))
	}
	for v := range counts {
		f.categories = append(f.categories, v)
	}
	slices.SortFunc(f.categories, func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	f.categories = f.categories[:min(len(f.categories), maxCategories)]
	slices.Sort(f.categories)
	return f, ""
}

// looksLikeID reports whether a column by its name and values identifies rows: integers, all different.
func looksLikeID(c *table.Column, rows []int) bool {
	name := strings.ToLower(c.Name)
	if name != "id" && name != "index" && name != "column_0" && name != "unnamed: 0" && !strings.HasSuffix(name, "_id") && !strings.HasSuffix(name, " id") {
		return false
	}
	seen := make(map[float32]bool, len(rows))
	for _, r := range rows {
		v := c.Numbers[r]
		if v != v || v != float32(int64(v)) || seen[v] {
			return false
		}
		seen[v] = true
	}
	return true
}
