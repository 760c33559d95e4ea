package kernels

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
)

// causal is attention of 4 heads over 2 behind past keys, dense.
func causal(rows, past int) *Attention {
	const dim = 24
	a := &Attention{Batch: 1, Heads: 4, KVHeads: 2, Rows: rows, Keys: past + rows, Dim: dim, ValueDim: dim, Scale: 0.2, Offset: past, Left: -1,
		Q: HeadStrides{Head: dim, Row: 4 * dim}, K: HeadStrides{Head: dim, Row: 2 * dim}}
	a.Out, a.V = a.Q, a.K
	return a
}

// TestAttentionDecode: token by token behind a cache gives the bits of the whole prompt, and so does any number of threads.
func TestAttentionDecode(t *testing.T) {
	const rows = 530
	a := causal(rows, 0)
	q, k, v := randomF32(rows*4*24), randomF32(rows*2*24), randomF32(2 * rows * 2 * 24)[:rows*2*24]
	run := func(p *Pool, a *Attention, q, k, v []float32) []float32 {
		out := make([]float32, len(q))
		AttentionF32(p, out, q, k, v, a, make([]float32, a.Scratch(p.Threads())))
		return out
	}
	want := run(nil, a, q, k, v)
	for _, threads := range []int{2, 5} {
		p := NewPool(threads)
		for range 5 {
			if got := run(p, a, q, k, v); !slices.Equal(got, want) {
				t.Errorf("%d threads give other bits", threads)
			}
		}
		p.Close()
	}
	for _, at := range []int{0, 1, 255, 256, 300, 529} {
		one := causal(1, at)
		if got := run(nil, one, q[at*96:(at+1)*96], k[:(at+1)*48], v[:(at+1)*48]); !slices.Equal(got, want[at*96:(at+1)*96]) {
			t.Errorf("token %d alone differs from the prompt", at)
		}
	}
}

func TestSequenceDoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	p := NewPool(2)
	defer p.Close()
	a := causal(200, 0)
	a.Softcap, a.Mask, a.MaskStride, a.MaskKeys = 3, randomF32(200), [4]int{3: 1}, 200
	q, k, out, scratch := randomF32(200*96), randomF32(200*48), make([]float32, 200*96), make([]float32, a.Scratch(2))
	net := NewRecurrent(RecurrentOptions{Cell: CellLSTM, F: SigmoidF32, G: TanhF32, H: TanhF32}, 30, 40, randomF32(160*30), randomF32(160*40), nil, nil)
	s := [2]Sequence{{Steps: 3, Batch: 2, X: randomF32(180), XStep: 60, XRow: 30}, {Steps: 3, Batch: 2, Reverse: true, X: randomF32(180), XStep: 60, XRow: 30}}
	memory := make([]float32, 2*net.Scratch(2))
	nets := []*Recurrent{net, net}
	for name, run := range map[string]func(){
		"attention": func() { AttentionF32(p, out, q, k, k, a, scratch) },
		"recurrent": func() { RunRecurrent(p, nets, &s, memory) },
	} {
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, rows := range []int{128, 1024} {
		a := causal(rows, 0)
		q, k, out, scratch := randomF32(rows*96), randomF32(rows*48), make([]float32, rows*96), make([]float32, a.Scratch(1))
		eachTier(b, "exp_sum_f32", fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			for b.Loop() {
				AttentionF32(nil, out, q, k, k, a, scratch)
			}
		})
	}
}

// TestRecurrentChains compares the gates of a network, whose products with X run ahead where they can, with one product of [x h].
func TestRecurrentChains(t *testing.T) {
	const steps, batch, hidden = 60, 2, 40
	for _, input := range []int{1, 64, 230, 250, 256, 300, 512} {
		w, r, x := randomF32(hidden*input), randomF32(hidden*hidden), randomF32(steps*batch*input)
		bias := randomF32(2 * hidden)
		for _, v := range [][]float32{w, r} {
			for i := range v {
				v[i] /= 32
			}
		}
		net := NewRecurrent(RecurrentOptions{Cell: CellRNN, F: func(dst, x []float32) { copy(dst, x) }}, input, hidden, w, r, bias, nil)
		y := make([]float32, steps*batch*hidden)
		net.Run(nil, &Sequence{Steps: steps, Batch: batch, X: x, XStep: batch * input, XRow: input, Y: y, YStep: batch * hidden, YRow: hidden},
			make([]float32, net.Scratch(batch)))
		both, sum := make([]float32, (input+hidden)*hidden), make([]float32, hidden)
		for j := range hidden {
			for k := range input {
				both[k*hidden+j] = w[j*input+k]
			}
			for k := range hidden {
				both[(input+k)*hidden+j] = r[j*hidden+k]
			}
			sum[j] = bias[j] + bias[hidden+j]
		}
		b, xh, want := PackF32(input+hidden, hidden, both, hidden, 1), make([]float32, batch*(input+hidden)), make([]float32, batch*hidden)
		for step := range steps {
			for i := range batch {
				row := xh[i*(input+hidden):]
				copy(row[:input], x[(step*batch+i)*input:])
				copy(row[input:], want[i*hidden:(i+1)*hidden])
			}
			GemmF32(nil, batch, xh, input+hidden, b, want, hidden, sum, nil)
			testkit.EqualF32(t, fmt.Sprintf("input %d, step %d", input, step), y[step*batch*hidden:][:batch*hidden], want)
		}
	}
}
