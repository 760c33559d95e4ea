package cpu

import "fmt"

// brand formats a CPU's identity as one line.
func brand(name string, family, model int) string {
	return fmt.Sprintf("%s (family %d model %d)", name, family, model)
}
