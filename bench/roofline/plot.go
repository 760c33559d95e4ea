package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	kernelbench "github.com/hotpath/hotpath/bench/kernels"
)

const (
	width  = 34 * vg.Centimeter
	height = 20 * vg.Centimeter
	column = 7 * vg.Centimeter // of the legend, right of the plot
)

// fonts is what a reader's machine may have of Liberation's widths, or at least of its looks.
const fonts = "Liberation Sans,Arial,Helvetica,sans-serif"

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// chart is a plot and its legend.
type chart struct {
	*plot.Plot
	legend plot.Legend
}

// write draws both as SVG.
func (c *chart) write(w io.Writer) error {
	canvas := vgsvg.New(width, height)
	all := draw.New(canvas)
	c.Draw(draw.Crop(all, 0, -column, 0, 0))
	c.legend.Draw(draw.Crop(all, width-column, 0, 0, -vg.Centimeter))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:"+fonts)))
	return err
}

// colors tell the instruction sets apart, also to those who see no red or green (Okabe and Ito).
var colors = map[string]color.Color{
	"ref":    color.RGBA{0x99, 0x99, 0x99, 255},
	"avx2":   color.RGBA{0xe6, 0x9f, 0x00, 255},
	"avx512": color.RGBA{0x00, 0x72, 0xb2, 255},
	"vnni":   color.RGBA{0x00, 0x9e, 0x73, 255},
	"amx":    color.RGBA{0xcc, 0x79, 0xa7, 255},
}

// tiers is the order of the legend.
var tiers = []string{"ref", "avx2", "avx512", "vnni", "amx"}

// dot is a result in the plane of the plot.
type dot struct {
	*kernelbench.Result
	x, y float64 // operations per byte, 10⁹ operations per second
}

// dotsOf places the results. Without multiply-adds, each element that a vector function computes, or each four bytes that move, count as one
// operation.
func dotsOf(r *kernelbench.Report) (dots []dot, left int) {
	for i := range r.Results {
		x := &r.Results[i]
		work := cmp.Or(x.Flops, x.Elements, x.Bytes/4)
		if work == 0 || x.Bytes == 0 || x.P50 == 0 {
			left++
			continue
		}
		dots = append(dots, dot{x, work / x.Bytes, work / x.P50 / 1e3})
	}
	return dots, left
}

// roof is the peak of a register loop on an instruction set.
type roof struct {
	isa, loop string
	peak      float64
}

// roofsOf takes the median of the peaks measured beside the results of each loop and instruction set.
func roofsOf(dots []dot) []roof {
	peaks := map[roof][]float64{}
	for _, d := range dots {
		if d.Peak > 0 {
			key := roof{isa: d.ISA, loop: d.Loop}
			peaks[key] = append(peaks[key], d.Peak)
		}
	}
	var roofs []roof
	for key, all := range peaks {
		slices.Sort(all)
		key.peak = all[len(all)/2]
		roofs = append(roofs, key)
	}
	slices.SortFunc(roofs, func(a, b roof) int {
		return cmp.Or(cmp.Compare(slices.Index(tiers, a.isa), slices.Index(tiers, b.isa)), cmp.Compare(a.loop, b.loop))
	})
	return roofs
}

// dashes tells the loops of one instruction set apart.
var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}}

// shapes do the same for the dots; the last is for functions without a loop to compare with.
var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}}

// picture draws the roofs, the bandwidth, a dot per result (filled where the variant is the one in use) and names.
func picture(r *kernelbench.Report, dots []dot) (*chart, error) {
	roofs, loops := roofsOf(dots), loopsOf(dots)
	p := &chart{newPlot(r, dots, roofs), plot.NewLegend()}
	highest := p.Y.Max / 1.5
	slope, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: p.X.Min * r.Read}, {X: highest / r.Read, Y: highest}})
	if err != nil {
		return nil, err
	}
	slope.Color, slope.Width = color.Black, vg.Points(1.5)
	if p.X.Min*r.Read < p.Y.Min { // start where the slope enters the picture
		slope.XYs[0] = plotter.XY{X: p.Y.Min / r.Read, Y: p.Y.Min}
	}
	if end := p.X.Max; highest/r.Read > end {
		slope.XYs[1] = plotter.XY{X: end, Y: end * r.Read}
	}
	if slope.XYs[0].X < slope.XYs[1].X {
		p.Add(slope)
		p.legend.Add(fmt.Sprintf("reading memory, %.1f GB/s; above it: caches", r.Read), slope)
	}
	for _, f := range roofs {
		line, err := plotter.NewLine(plotter.XYs{{X: max(p.X.Min, min(f.peak/r.Read, p.X.Max/4)), Y: f.peak}, {X: p.X.Max, Y: f.peak}})
		if err != nil {
			return nil, err
		}
		line.Color, line.Width, line.Dashes = colors[f.isa], vg.Points(1.5), dashes[slices.Index(loops, f.loop)%len(dashes)]
		p.Add(line)
		p.legend.Add(fmt.Sprintf("%s peak, %s: %.3g", f.isa, loopTitle(f.loop), f.peak), line)
	}
	for _, isa := range tiers {
		for i, loop := range loops {
			var xys plotter.XYs
			for _, d := range dots {
				if d.ISA == isa && d.Loop == loop {
					xys = append(xys, plotter.XY{X: d.x, Y: d.y})
				}
			}
			if len(xys) == 0 {
				continue
			}
			s, err := plotter.NewScatter(xys)
			if err != nil {
				return nil, err
			}
			s.GlyphStyle = draw.GlyphStyle{Color: colors[isa], Radius: vg.Points(3), Shape: shapes[i%len(shapes)]}
			p.Add(s)
			name := isa + " " + loopTitle(loop)
			if loop == "" {
				name = isa + ", one operation per element or 4 bytes"
			}
			p.legend.Add(name, s)
		}
	}
	p.Add(&names{dots: dots})
	p.legend.Left, p.legend.Top, p.legend.Padding, p.legend.TextStyle.Font.Size = true, true, vg.Points(2), font.Length(9)
	return p, nil
}

// names writes the kernel and size beside the dots of the variants in use, where there is room.
type names struct{ dots []dot }

// Plot implements plot.Plotter.
func (n *names) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	style := p.X.Tick.Label
	style.Font.Size = font.Length(7)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	ops := map[string]bool{}
	for _, d := range n.dots {
		ops[d.Op] = true
	}
	var taken []vg.Rectangle
	for _, d := range n.dots { // a name may not hide a dot
		at := vg.Point{X: toX(d.x), Y: toY(d.y)}
		taken = append(taken, vg.Rectangle{Min: vg.Point{X: at.X - 3, Y: at.Y - 3}, Max: vg.Point{X: at.X + 3, Y: at.Y + 3}})
	}
	chosen := slices.DeleteFunc(slices.Clone(n.dots), func(d dot) bool { return !d.Chosen })
	slices.SortStableFunc(chosen, func(a, b dot) int { return cmp.Compare(b.y, a.y) })
	for _, d := range chosen {
		text := d.Op + " " + d.Shape
		if len(ops) == 1 {
			text = d.Shape
		}
		w, h := style.Width(text), style.Font.Size
		for _, offset := range [][2]vg.Length{{5, 0}, {-5 - w, 0}, {-w / 2, 8}, {-w / 2, -8}, {5, 7}, {5, -7}, {-5 - w, 7}, {-5 - w, -7}} {
			at := vg.Point{X: toX(d.x) + offset[0], Y: toY(d.y) + offset[1]}
			box := vg.Rectangle{Min: vg.Point{X: at.X - 1, Y: at.Y - h/2 - 1}, Max: vg.Point{X: at.X + w + 1, Y: at.Y + h/2 + 1}}
			if box.Min.X < c.Min.X || box.Max.X > c.Max.X || slices.ContainsFunc(taken, func(r vg.Rectangle) bool {
				return r.Min.X < box.Max.X && box.Min.X < r.Max.X && r.Min.Y < box.Max.Y && box.Min.Y < r.Max.Y
			}) {
				continue
			}
			taken = append(taken, box)
			c.FillText(style, at, text)
			break
		}
	}
}

// newPlot makes the axes wide enough for all dots and roofs, with room above for the labels.
func newPlot(r *kernelbench.Report, dots []dot, roofs []roof) *plot.Plot {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, %d thread(s)", r.CPU, dots[0].Threads)
	p.X.Label.Text = "arithmetic intensity: operations per byte read or written (log)"
	p.Y.Label.Text = "10⁹ operations per second (log)"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, d := range dots {
		p.X.Min, p.X.Max = min(p.X.Min, d.x), max(p.X.Max, d.x)
		p.Y.Min, p.Y.Max = min(p.Y.Min, d.y), max(p.Y.Max, d.y)
	}
	for _, f := range roofs {
		p.Y.Max = max(p.Y.Max, f.peak)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = p.X.Min/1.6, p.X.Max*2.5, p.Y.Min/1.5, p.Y.Max*1.5
	p.Add(plotter.NewGrid())
	p.Title.Padding = vg.Points(6)
	return p
}

// decades marks 1, 2 and 5 times the powers of ten.
type decades struct{}

func (decades) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1; m < 10; m++ {
			v := float64(m) * math.Pow(10, e)
			if v < low || v > high {
				continue
			}
			label := ""
			if m == 1 || m == 2 || m == 5 {
				label = fmt.Sprintf("%g", math.Round(v*1e6)/1e6)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

// loopTitle names a register loop: PeakF32 is "f32".
func loopTitle(loop string) string { return strings.ToLower(strings.TrimPrefix(loop, "Peak")) }

// loopsOf lists the loops of the dots, those without one last.
func loopsOf(dots []dot) []string {
	set := map[string]bool{}
	for _, d := range dots {
		set[d.Loop] = true
	}
	loops := slices.Sorted(maps.Keys(set))
	if len(loops) > 1 && loops[0] == "" {
		loops = append(loops[1:], "")
	}
	return loops
}
