package metrics

import (
	"encoding/json"
	"regexp"
	"testing"
)

// TestDashboardShowsMetricsThatExist takes the names out of every expression of the Grafana dashboard.
func TestDashboardShowsMetricsThatExist(t *testing.T) {
	s := newSet()
	m := s.Model("m", "1", 10)
	m.Running(func() int64 { return 0 })
	s.LoadFailed("m")
	half := []float32{0, 1, 0}
	d := &Distribution{Inputs: []Column{{Name: "x", Edges: []float32{0, 1}, Expected: half}}, Outputs: []Column{{Name: "y", Edges: []float32{0, 1}, Expected: half}, {Name: "c", Categories: []string{"a"}}}}
	m.Watch(d)
	for range leastRows {
		d.Inputs[0].Number(0.5)
		d.Outputs[0].Number(1)
		d.Outputs[1].Class(0)
	}
	text, err := s.Exposition()
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`).FindAllSubmatch(text, -1) {
		exists[string(match[1])] = true
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Query any }
		}
	}
	if err := json.Unmarshal(Dashboard, &board); err != nil || len(board.Panels) < 10 || len(board.Templating.List) != 2 {
		t.Fatal(err, len(board.Panels))
	}
	name := regexp.MustCompile(`\b(?:hotpath|process|go)_[a-z_]+`)
	shown := map[string]bool{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			names := name.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("panel %s: no metric in %s", p.Title, target.Expr)
			}
			for _, n := range names {
				if shown[n] = true; !exists[n] {
					t.Errorf("panel %s shows %s, which is not there", p.Title, n)
				}
			}
		}
	}
	for n := range exists {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(n, "")
		if name.MatchString(n) && n[:4] == "hotp" && n != "hotpath_build_info" && !shown[n] && !shown[base+"_bucket"] && !shown[base+"_count"] {
			t.Errorf("no panel shows %s", n)
		}
	}
}
