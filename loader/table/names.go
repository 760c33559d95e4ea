package table

import "strconv"

// columnNames makes names usable: an empty one becomes column_N, a repeated one gets .1, .2, … as pandas does.
func columnNames(header []string) []string {
	names := make([]string, len(header))
	taken := make(map[string]bool, len(header))
	for i, name := range header {
		if name == "" {
			name = unnamed(i)
		}
		unique := name
		for k := 1; taken[unique]; k++ {
			unique = name + "." + strconv.Itoa(k)
		}
		taken[unique] = true
		names[i] = unique
	}
	return names
}

func unnamed(i int) string { return "column_" + strconv.Itoa(i) }
