package ui_test

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/servertest"
	"github.com/hotpath/hotpath/server/ui"
)

// strokes of digits as a person draws them, in parts of the pad.
var digits = map[string][][][2]float64{
	"0": {arc(0.5, 0.5, 0.2, 0.32, 0, 2*math.Pi)},
	"1": {{{0.42, 0.32}, {0.54, 0.2}, {0.54, 0.8}}},
	"2": {append(arc(0.5, 0.36, 0.18, 0.16, -math.Pi, 0.25*math.Pi), [2]float64{0.34, 0.78}, [2]float64{0.7, 0.78})},
	"3": {append(arc(0.48, 0.34, 0.16, 0.14, -0.8*math.Pi, 0.5*math.Pi), arc(0.48, 0.64, 0.19, 0.16, -0.5*math.Pi, 0.8*math.Pi)...)},
	"4": {{{0.52, 0.18}, {0.3, 0.58}, {0.72, 0.58}}, {{0.58, 0.4}, {0.58, 0.84}}},
	"7": {{{0.3, 0.22}, {0.7, 0.22}, {0.46, 0.82}}},
}

func arc(x, y, rx, ry, from, to float64) (points [][2]float64) {
	const n = 24
	for i := range n + 1 {
		a := from + (to-from)*float64(i)/n
		points = append(points, [2]float64{x + rx*math.Cos(a), y + ry*math.Sin(a)})
	}
	return points
}

func load(data []byte) (server.Runner, error) {
	if r, err := servertest.Load(data); err == nil {
		return r, nil
	}
	if make := made[string(data)]; make != nil {
		return make(), nil
	}
	m, err := loader.Read(data)
	if err != nil {
		return nil, err
	}
	return plan.Compile(m, plan.Options{})
}

// made are the models that are no files.
var made = map[string]func() server.Runner{"table": table, "planes": planes, "pixels": pixels, "tokens": tokens}

// table is a model with a number, a text and a yes-or-no label.
func table() server.Runner {
	return &servertest.Runner{
		Sig: graph.Signature{Task: graph.Classification,
			Inputs: []graph.Input{
				{Name: "mean radius", DType: tensor.Float32, Shape: []int{-1, 1}, Missing: true},
				{Name: "city", DType: tensor.String, Shape: []int{-1, 1}},
			},
			Outputs: []graph.Output{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}, Labels: []string{"benign", "malignant"}}}},
		Func: func(in, out []*tensor.Tensor) error {
			out[0].Resize(in[0].Shape[0], 1)
			for i, s := range in[1].Strings {
				tensor.Data[float32](out[0])[i] = 0.1
				if s == "Köln" && tensor.Data[float32](in[0])[i] == 17.5 {
					tensor.Data[float32](out[0])[i] = 0.9
				}
			}
			return nil
		},
	}
}

// startPage serves the embedded digits, a table model and a broken version.
func startPage(t *testing.T) *server.Server {
	data, err := os.ReadFile("../../cmd/hotpath/digits/digits.onnx")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	servertest.Put(t, filepath.Join(dir, "digits"), "1", data)
	servertest.Put(t, filepath.Join(dir, "digits"), "2", []byte("half a model"))
	servertest.Put(t, filepath.Join(dir, "tumours"), "3", []byte("table"))
	for _, name := range []string{"planes", "pixels", "tokens"} {
		servertest.Put(t, filepath.Join(dir, name), "1", []byte(name))
	}
	return servertest.Start(t, server.Config{Sources: []server.Source{server.Dir{Path: dir}}, Load: load,
		APIs: []server.API{predict.API{}, kserve.API{}, ui.Page{}}, DrainGrace: time.Millisecond})
}

// TestPageInABrowser draws digits by mouse and by finger and reads the answers, fills the form of a table, and sees the
// charts move. HOTPATH_SCREENSHOTS=DIR keeps pictures.
func TestPageInABrowser(t *testing.T) {
	s := startPage(t)
	b := newBrowser(t)
	b.call("Network.enable", nil, nil)
	for _, view := range []struct {
		name          string
		width, height int
		phone         bool
		scheme        string
	}{
		{"desktop", 1280, 800, false, "light"},
		{"desktop-dark", 1280, 800, false, "dark"},
		{"phone", 390, 844, true, "light"},
		{"small-phone", 360, 640, true, "dark"},
	} {
		b.open(s.URL()+"/", view.width, view.height, view.phone, view.scheme)
		b.wait("the pad is shown", "document.readyState === 'complete' && !document.getElementById('draw').hidden")
		for i, digit := range slices.Sorted(maps.Keys(digits)) {
			if i > 1 && view.scheme == "dark" {
				break // the same code in other colours
			}
			strokes := digits[digit]
			eval[bool](b, "document.getElementById('clear').click(), true")
			for _, points := range strokes {
				b.stroke("pad", view.phone, points)
			}
			b.wait("the answer "+digit+" in "+view.name, "document.getElementById('best').textContent === '"+digit+"'")
			if n := eval[int](b, "document.querySelectorAll('#bars li').length"); n != 10 {
				t.Errorf("%d bars", n)
			}
		}
		b.wait("live figures", "document.getElementById('state').textContent === 'live' && document.getElementById('p99').textContent !== '–'")
		b.wait("the rate moves", "Number(document.getElementById('rate-note').textContent.split(' ')[0]) > 3")
		b.wait("charts are drawn", "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0))(document.getElementById('latency-chart'))")
		b.wait("charts of the version are drawn", "document.getElementById('version-name').textContent === 'digits/1' && ['v-rate', 'v-latency', 'v-cpu', 'v-memory'].every((id) => (c => c.width > 0 && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0))(document.getElementById(id)))")
		b.wait("its figures are told", "document.getElementById('v-latency-now').textContent.includes('p99') && document.getElementById('v-memory-now').textContent.includes('arenas')")
		b.wait("the broken version is shown", "document.getElementById('models').innerText.includes('broken')")
		if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > view.width {
			t.Errorf("%s: the page is %d px wide", view.name, wide)
		}
		b.screenshot(view.name)

		eval[bool](b, "(s => { s.value = 'tumours'; s.dispatchEvent(new Event('change')); return true })(document.getElementById('model'))")
		eval[bool](b, `(p => { p.value = '17.5,"Köln"'; p.dispatchEvent(new Event('input')); return true })(document.getElementById('paste'))`)
		eval[bool](b, "document.querySelector('#form button').click(), true")
		b.wait("the table's answer", "document.getElementById('best').textContent === 'malignant' && document.getElementById('bars').innerText.includes('90.0')")
		b.screenshot(view.name + "-table")
		eval[bool](b, "(i => { i.value = 'x'; document.querySelector('#form button').click(); return true })(document.querySelector('#fields input'))")
		b.wait("the figures of the version", "(r => r.querySelector('.rate').textContent !== '' && r.querySelector('.memory').textContent !== '')(document.querySelector('tr[data-key=\"tumours/3\"]'))")
		b.wait("what the model got", "!document.getElementById('seen').hidden && document.getElementById('columns').innerText.includes('mean radius') && document.getElementById('columns').innerText.includes('malignant')")
		b.wait("an error names the field", "document.getElementById('error').textContent.includes('mean radius')")
	}
	for _, asked := range b.Asked {
		if !strings.HasPrefix(asked, s.URL()+"/") {
			t.Errorf("the page asked for %s", asked)
		}
	}
	if len(b.Asked) < 20 {
		t.Errorf("the page asked for %v only", b.Asked)
	}
	for _, l := range b.Logs {
		if !strings.Contains(l, "400") { // the refused row, which the browser logs
			t.Errorf("the page logged %s", l)
		}
	}
}

// TestPictureIsUploaded gives the page a picture of a zero, made in the browser, as a file.
func TestPictureIsUploaded(t *testing.T) {
	s := startPage(t)
	b := newBrowser(t)
	b.open(s.URL()+"/", 1280, 800, false, "light")
	b.wait("the pad is shown", "document.readyState === 'complete' && !document.getElementById('draw').hidden")
	b.upload("upload", `g.fillStyle = "white"; g.fillRect(0, 0, 160, 160);
		g.lineWidth = 26; g.beginPath(); g.ellipse(80, 80, 38, 64, 0, 0, 7); g.stroke()`)
	b.wait("the answer to the picture", "document.getElementById('best').textContent === '0'")
	if len(b.Logs) > 0 {
		t.Errorf("the page logged %s", b.Logs)
	}
}

// TestPageIsSelfContained finds no address of another host in any file, and a policy that would block one.
func TestPageIsSelfContained(t *testing.T) {
	files, err := filepath.Glob("page/*")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http://", "https://", "//cdn", "eval(", "innerHTML", "onclick=", "style=\""} {
			if strings.Contains(text, bad) {
				t.Errorf("%s contains %s", f, bad)
			}
		}
	}
}
