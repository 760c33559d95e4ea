package ui_test

import (
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// planes is a model of pictures of 8×8 in three planes, whose scores are the means of the planes.
func planes() server.Runner {
	return &servertest.Runner{
		Sig: graph.Signature{Inputs: []graph.Input{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3, 8, 8}}},
			Outputs: []graph.Output{{Name: "scores", DType: tensor.Float32, Shape: []int{-1, 3}, Labels: []string{"red", "green", "blue"}}}},
		Func: func(in, out []*tensor.Tensor) error {
			out[0].Resize(in[0].Shape[0], 3)
			y := tensor.Data[float32](out[0])
			clear(y)
			for i, v := range tensor.Data[float32](in[0]) {
				y[i/64] += v / 64
			}
			return nil
		},
	}
}

// pixels is a model of pictures of any size, three bytes to a pixel, with two outputs: the red of each pixel, and the size.
func pixels() server.Runner {
	return &servertest.Runner{
		Sig: graph.Signature{Inputs: []graph.Input{{Name: "x", DType: tensor.Uint8, Shape: []int{-1, -1, -1, 3}}},
			Outputs: []graph.Output{{Name: "red", DType: tensor.Float32, Shape: []int{-1, 1, -1, -1}}, {Name: "size", DType: tensor.Int64, Shape: []int{-1, 2}}}},
		Func: func(in, out []*tensor.Tensor) error {
			n, h, w := in[0].Shape[0], in[0].Shape[1], in[0].Shape[2]
			out[0].Resize(n, 1, h, w)
			for i := range tensor.Data[float32](out[0]) {
				tensor.Data[float32](out[0])[i] = float32(in[0].Bytes[3*i])
			}
			out[1].Resize(n, 2)
			for i := range n {
				tensor.Data[int64](out[1])[2*i], tensor.Data[int64](out[1])[2*i+1] = int64(h), int64(w)
			}
			return nil
		},
	}
}

// tokens is a model of lists of any length whose answer is a vector.
func tokens() server.Runner {
	return &servertest.Runner{
		Sig: graph.Signature{Inputs: []graph.Input{{Name: "ids", DType: tensor.Int64, Shape: []int{-1, -1}}, {Name: "rate", DType: tensor.Float32, Shape: []int{}}},
			Outputs: []graph.Output{{Name: "embedding", DType: tensor.Float32, Shape: []int{-1, 4}}, {Name: "length", DType: tensor.Int64, Shape: []int{-1, 1}}}},
		Func: func(in, out []*tensor.Tensor) error {
			n := in[0].Shape[0]
			out[0].Resize(n, 4)
			out[1].Resize(n, 1)
			for i := range tensor.Data[float32](out[0]) {
				tensor.Data[float32](out[0])[i] = tensor.Data[float32](in[1])[0] * float32(i-2)
			}
			for i := range n {
				tensor.Data[int64](out[1])[i] = int64(in[0].Shape[1])
			}
			return nil
		},
	}
}

const red = `g.fillStyle = "red"; g.fillRect(0, 0, 160, 160)`

// TestPictureBecomesATensor uploads a red picture and draws one, in the two layouts and with other values of pixels.
func TestPictureBecomesATensor(t *testing.T) {
	s := startPage(t)
	b := newBrowser(t)
	b.open(s.URL()+"/", 1280, 800, false, "light")
	b.choose("planes")
	b.wait("the choices are shown", "!document.getElementById('picture-choices').hidden && document.getElementById('norm').value === 'ImageNet' && document.getElementById('size-row').hidden")
	b.upload("upload", red)
	b.wait("scores", "document.getElementById('best').textContent === 'red' && document.getElementById('best-note').textContent.includes('softmax') && document.querySelector('#bars .value').title === '2.24891'")
	b.set("norm", "change", "0 … 1")
	b.wait("probabilities", "document.querySelector('#bars .value').textContent === '100.0 %' && !document.getElementById('best-note').textContent.includes('softmax')")
	b.set("norm", "change", "0 … 255")
	b.wait("bytes", "document.querySelector('#bars .value').title === '255'")
	eval[bool](b, "document.getElementById('clear').click(), true")
	b.wait("nothing", "document.getElementById('best').textContent === '–'")
	b.stroke("pad", false, digits["1"][0])
	b.wait("an answer to what was drawn", "document.getElementById('best').textContent !== '–' && document.querySelectorAll('#bars li').length === 3")

	b.choose("pixels")
	b.wait("sizes are asked for", "!document.getElementById('size-row').hidden && document.getElementById('norm-row').hidden")
	b.set("height", "change", "16")
	b.set("width", "change", "12")
	b.upload("upload", red)
	b.wait("both outputs", "(o => o.length === 2 && o[0].innerText.includes('[1, 1, 16, 12]') && o[0].innerText.includes('mean 255') && o[0].querySelector('.map') && o[1].innerText.includes('16, 12'))(document.querySelectorAll('#outputs .output'))")
	b.screenshot("picture")
	if len(b.Logs) > 0 {
		t.Errorf("the page logged %s", b.Logs)
	}
}

// TestTensorsAsJSON has a model of lists and a number: an answer, an input that is not given, and text that is no list.
func TestTensorsAsJSON(t *testing.T) {
	s := startPage(t)
	b := newBrowser(t)
	b.open(s.URL()+"/", 1280, 800, false, "light")
	b.choose("tokens")
	b.wait("two fields", "!document.getElementById('tensors').hidden && document.querySelectorAll('#tensors textarea').length === 2")
	enter := func(ids, rate string) {
		eval[bool](b, "(t => { [t[0].value, t[1].value] = ['"+ids+"', '"+rate+"']; document.querySelector('#tensors button').click(); return true })(document.querySelectorAll('#tensors textarea'))")
	}
	enter("[[101, 2054, 102]]", "0.5")
	b.wait("a vector", "document.getElementById('best').textContent === '4 values' && document.querySelector('#outputs .vector') && (o => o.length === 2 && o[0].innerText.includes('-1, -0.5, 0, 0.5') && o[1].innerText.includes('[1, 1]') && o[1].innerText.includes('3'))(document.querySelectorAll('#outputs .output'))")
	b.screenshot("tensors")
	enter("[1, 2, 3, 4, 5]", "")
	b.wait("a flat list, and zero", "(o => o.length === 2 && o[0].innerText.includes('0, 0, 0, 0') && o[1].innerText.includes('5'))(document.querySelectorAll('#outputs .output'))")
	enter("[[1, 2], [3]]", "1")
	b.wait("an error names the input", "document.getElementById('error').textContent.includes('ids: the lists')")
	enter("[[", "1")
	b.wait("an error names the input", "document.getElementById('error').textContent.startsWith('ids: ') && document.getElementById('best').textContent === '–'")
	if len(b.Logs) > 0 {
		t.Errorf("the page logged %s", b.Logs)
	}
}

// TestManyRowsAsCSV pastes rows under names in another order, with a column that is not asked for, and more than a request has.
func TestManyRowsAsCSV(t *testing.T) {
	s := startPage(t)
	b := newBrowser(t)
	b.open(s.URL()+"/", 1280, 800, false, "light")
	b.choose("tumours")
	b.set("paste", "input", "city,id,mean radius\nKöln,1,17.5\n\"Ulm, Neu\",2,\n")
	b.wait("two rows", "document.getElementById('rows-note').textContent === '2 rows' && document.getElementById('fields').hidden")
	eval[bool](b, "document.querySelector('#form button').click(), true")
	b.wait("two answers", "(r => r.length === 2 && r[0].innerText.startsWith('malignant') && r[1].innerText.startsWith('benign') && r[1].innerText.includes('Ulm, Neu'))(document.querySelectorAll('.answers tbody tr'))")
	if csv := eval[string](b, "toCSV([['a', 'b,c'], ['say \"x\"', '']])"); csv != "a,\"b,c\"\n\"say \"\"x\"\"\",\n" {
		t.Errorf("CSV: %q", csv)
	}
	b.screenshot("rows")
	b.set("paste", "input", "city,id\nKöln,1\n")
	b.wait("what is missing", "document.getElementById('error').textContent.includes('no column mean radius')")
	eval[bool](b, `(() => {
		const files = new DataTransfer(), input = document.getElementById("rows-file");
		files.items.add(new File(["mean radius;city\n" + "17.5;Köln\n".repeat(2500)], "rows.csv", { type: "text/csv" }));
		input.files = files.files;
		input.dispatchEvent(new Event("change"));
		return true;
	})()`)
	b.wait("a file of rows", "document.getElementById('rows-note').textContent === '2500 rows'")
	eval[bool](b, "document.querySelector('#form button').click(), true")
	b.wait("all answers", "document.getElementById('best').textContent === '2500 rows' && document.querySelector('.save').href.startsWith('blob:') && document.querySelector('#bars .value').textContent === '2500'")
	b.set("paste", "input", "17.5,Köln")
	b.wait("one row is in the fields", "!document.getElementById('fields').hidden && document.querySelector('#fields input').value === '17.5'")
	if len(b.Logs) > 0 {
		t.Errorf("the page logged %s", b.Logs)
	}
}
