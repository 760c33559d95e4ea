package profile

import (
	"fmt"
	"html/template"
	"io"
	"text/tabwriter"
)

// WriteTable writes the steps as text, the slowest first.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "share\ttime\tGFLOP/s\tof peak\toperator\tshape\tkernel\tvalue")
	for _, s := range r.Steps {
		rate, peak := "", ""
		if s.FLOPs > 0 {
			rate, peak = fmt.Sprintf("%.1f", s.GFLOPS), percent(s.PeakFraction)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s %v\t%s\t%s\n", percent(s.Share), formatMicros(s.Micros), rate, peak, s.Op, s.DType, s.Shape, s.Kernel, s.Value)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "one run %s, mean of %d; peak of one core %.1f GFLOP/s in f32\n", formatMicros(r.Micros), r.Runs, r.Peak)
	return err
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }

// WriteHTML writes a page that stands alone: the same table with bars, sortable by a click on a column.
func (r *Report) WriteHTML(w io.Writer, title string) error {
	return page.Execute(w, struct {
		*Report
		Title string
	}{r, title})
}

var page = template.Must(template.New("profile").Funcs(template.FuncMap{
	"micros": formatMicros, "percent": percent, "width": func(v float64) string { return fmt.Sprintf("%.2f%%", min(100, 100*v)) },
}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em }
table { border-collapse: collapse; width: 100% }
th, td { padding: .2em .6em; text-align: left; white-space: nowrap; border-bottom: 1px solid #8883 }
th { cursor: pointer; position: sticky; top: 0; background: Canvas }
td.n { text-align: right; font-variant-numeric: tabular-nums }
td.v { max-width: 24em; overflow: hidden; text-overflow: ellipsis }
.bar { background: #8882; width: 12em; height: 1em }
.bar div { background: #d95f0e; height: 100% }
.peak div { background: #31a354 }
</style>
<h1>{{.Title}}</h1>
<p>One run takes {{micros .Micros}}, the mean of {{.Runs}}. The peak of one core is {{printf "%.1f" .Peak}} GFLOP/s of multiply-adds in f32.</p>
<table><thead><tr><th>share</th><th></th><th>time</th><th>GFLOP/s</th><th>of peak</th><th></th><th>operator</th><th>shape</th><th>kernel</th><th>value</th></tr></thead>
<tbody>
{{range .Steps}}<tr><td class="n" data-v="{{.Share}}">{{percent .Share}}</td><td><div class="bar"><div style="width:{{width .Share}}"></div></div></td>
<td class="n" data-v="{{.Micros}}">{{micros .Micros}}</td><td class="n" data-v="{{.GFLOPS}}">{{if .FLOPs}}{{printf "%.1f" .GFLOPS}}{{end}}</td>
<td class="n" data-v="{{.PeakFraction}}">{{if .FLOPs}}{{percent .PeakFraction}}{{end}}</td><td>{{if .FLOPs}}<div class="bar peak"><div style="width:{{width .PeakFraction}}"></div></div>{{end}}</td>
<td>{{.Op}}</td><td>{{.DType}} {{.Shape}}</td><td>{{.Kernel}}</td><td class="v" title="{{.Node}}">{{.Value}}</td></tr>
{{end}}</tbody></table>
<script>
for (const [i, th] of [...document.querySelectorAll("th")].entries()) th.onclick = () => {
  const body = document.querySelector("tbody"), key = r => r.cells[i].dataset.v ?? r.cells[i].textContent
  const rows = [...body.rows].sort((a, b) => isNaN(key(a)) ? key(a).localeCompare(key(b)) : key(b) - key(a))
  body.replaceChildren(...rows)
}
</script>
</html>
`))
