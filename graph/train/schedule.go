package train

import "fmt"

// scheduleRow gives the factor on the learning rate at a step; adding a schedule is adding a row. Factors are exact
// divisions of integers: no cosine, whose bits would differ between machines.
type scheduleRow struct {
	name   string
	factor func(step, steps int) float64
}

// scheduleTable: the first row is the default.
var scheduleTable = []scheduleRow{
	{"linear", func(step, steps int) float64 { return 1 - float64(step)/float64(steps) }},
	{"constant", func(int, int) float64 { return 1 }},
	{"step", func(step, steps int) float64 { // a tenth after each third
		switch {
		case step < steps/3:
			return 1
		case step < 2*(steps/3):
			return 0.1
		}
		return 0.01
	}},
}

func findSchedule(name string) (scheduleRow, error) {
	for _, row := range scheduleTable {
		if name == "" || name == row.name {
			return row, nil
		}
	}
	return scheduleRow{}, fmt.Errorf("schedule %q: expected linear, constant or step: %w", name, ErrSpec)
}
