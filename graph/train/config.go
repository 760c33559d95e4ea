package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
)

// config is a Spec with everything decided.
type config struct {
	Spec
	family   family
	hidden   []int
	loss     lossRow
	opt      optimizerRow // of gradient descent; zero for lbfgs and trees
	schedule scheduleRow
	l2       float64
	holdout  float64
	notes    []string // what the user should know
}

const optimizerLBFGS = "lbfgs"

// resolve checks what can be checked before the data is known.
func (s Spec) resolve() (*config, error) {
	c := &config{Spec: s, holdout: 0.2}
	if s.Holdout != nil {
		c.holdout = *s.Holdout
	}
	if c.Model == "" {
		c.Model = "mlp:128,64"
	}
	var err error
	if c.family, c.hidden, err = parseModel(c.Model); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		name string
		bad  bool
		want string
		got  any
	}{
		{"target", c.Target == "", "a column name or index", c.Target},
		{"task", c.Task != "" && c.Task != graph.Classification && c.Task != graph.Regression, "classification or regression", c.Task},
		{"scale", !slices.Contains([]string{"", "auto", "standard", "range", "none"}, c.Scale), "auto, standard, range or none", c.Scale},
		{"impute", !slices.Contains([]string{"", "mean", "median"}, c.Impute), "mean or median", c.Impute},
		{"holdout", !(c.holdout >= 0 && c.holdout <= 0.9), "a share from 0 to 0.9", c.holdout},
		{"lr", !(c.LR >= 0 && c.LR <= 1e6), "a number above 0", c.LR},
		{"momentum", !(c.Momentum >= 0 && c.Momentum < 1), "a number from 0 to below 1", c.Momentum},
		{"epochs", c.Epochs < 0 || c.Epochs > 1e7, "a count from 1 to 10000000", c.Epochs},
		{"batch", c.Batch < 0, "a count of rows", c.Batch},
		{"l2", c.L2 != nil && !(*c.L2 >= 0 && *c.L2 <= 1e6), "a number from 0", c.L2},
		{"max_depth", c.MaxDepth < 0, "a depth from 1", c.MaxDepth},
		{"min_leaf", c.MinLeaf < 0, "a count from 1", c.MinLeaf},
	} {
		if n.bad {
			return nil, fmt.Errorf("%s: expected %s, found %v: %w", n.name, n.want, n.got, ErrSpec)
		}
	}
	c.clearUnused()
	return c, c.resolveOptimizer()
}

// clearUnused drops the fields that the model has no use for, so that scripts can pass one set of flags to every model, and
// notes that it did. What is not used is not recorded either: the file is the same with and without.
func (c *config) clearUnused() {
	var unused []string
	drop := func(name string, given bool) {
		if given {
			unused = append(unused, name)
		}
	}
	if c.family == familyTree {
		drop("optimizer", c.Optimizer != "")
		drop("loss", c.Loss != "")
		drop("schedule", c.Schedule != "")
		drop("lr", c.LR != 0)
		drop("momentum", c.Momentum != 0)
		drop("epochs", c.Epochs != 0)
		drop("batch", c.Batch != 0)
		drop("l2", c.L2 != nil)
		c.Optimizer, c.Loss, c.Schedule, c.LR, c.Momentum, c.Epochs, c.Batch, c.L2 = "", "", "", 0, 0, 0, 0, nil
		c.MinLeaf = max(c.MinLeaf, 1)
	} else {
		drop("max_depth", c.MaxDepth != 0)
		drop("min_leaf", c.MinLeaf != 0)
		c.MaxDepth, c.MinLeaf = 0, 0
	}
	if len(unused) > 0 {
		c.notes = append(c.notes, fmt.Sprintf("model %s does not use %s", c.Model, strings.Join(unused, ", ")))
	}
}

func (c *config) resolveOptimizer() error {
	if c.family == familyTree {
		return nil
	}
	if c.Optimizer == "" {
		c.Optimizer = "adam"
		stepwise := c.LR != 0 || c.Batch != 0 || c.Schedule != ""
		if c.family != familyMLP && c.Loss != "hinge" && !stepwise { // hinge has kinks that a line search trips over
			c.Optimizer = optimizerLBFGS
		}
	}
	if c.Optimizer == optimizerLBFGS {
		if c.family == familyMLP || c.Loss == "hinge" {
			return fmt.Errorf("optimizer lbfgs is for convex smooth losses, found model %q loss %q: %w", c.Model, c.Loss, ErrSpec)
		}
		if c.LR != 0 || c.Batch != 0 || c.Schedule != "" {
			return fmt.Errorf("optimizer lbfgs takes no lr, batch or schedule; choose one of %s: %w", optimizerNames(), ErrSpec)
		}
		if c.Epochs == 0 {
			c.Epochs = 1000
		}
		return nil
	}
	row, err := findOptimizer(c.Optimizer)
	if err != nil {
		return err
	}
	c.opt = row
	if row.full && c.Batch != 0 {
		return fmt.Errorf("optimizer %s takes all rows at once, found batch %d: %w", row.name, c.Batch, ErrSpec)
	}
	if row.name != "momentum" && c.Momentum != 0 {
		return fmt.Errorf("momentum belongs to optimizer momentum, found optimizer %q: %w", row.name, ErrSpec)
	}
	if c.schedule, err = findSchedule(c.Schedule); err != nil {
		return err
	}
	if c.Epochs == 0 {
		c.Epochs = defaultEpochs(row.full, c.family)
	}
	if c.Batch == 0 && !row.full {
		c.Batch = 32
	}
	if c.Momentum == 0 && row.name == "momentum" {
		c.Momentum = 0.9
	}
	return nil
}

// resolveTask settles what depends on the target: the loss and the penalty.
func (c *config) resolveTask(t *target, rows int) error {
	c.Task = t.task
	if c.family == familyTree {
		return nil
	}
	if c.family == familySVM && t.task != graph.Classification {
		return fmt.Errorf("model svm classifies, and target %q is a regression target; choose linear, mlp or tree: %w", t.name, ErrSpec)
	}
	var err error
	if c.loss, err = findLoss(c.Loss, c.family, t); err != nil {
		return err
	}
	if c.L2 != nil {
		c.l2 = *c.L2
	} else if c.family != familyMLP {
		c.l2 = 1 / float64(rows) // scikit-learn's C = 1
	}
	return nil
}
