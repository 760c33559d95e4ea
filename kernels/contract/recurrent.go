//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkRecurrent runs every cell over a batch and compares it with the reference, and one of its rows with the row alone.
func checkRecurrent(c *checker) {
	for i, s := range []struct{ steps, batch, input, hidden int }{{1, 1, 1, 1}, {3, 2, 5, 7}, {2, 3, 250, 16}, {4, 1, 40, 33}, {5, 15, 3, 8}, {70, 1, 256, 5}} {
		for cell := kernels.CellRNN; cell <= kernels.CellLSTM; cell++ {
			for variant := range 3 {
				c.name = fmt.Sprintf("cell %d %+v variant %d", cell, s, variant)
				gates, atStart := cell.Gates(), i%2 == 1
				o := kernels.RecurrentOptions{Cell: cell, F: kernels.SigmoidF32, G: kernels.TanhF32, H: kernels.TanhF32}
				var peephole []float32
				switch variant {
				case 1:
					o.ResetAfter, peephole = true, make([]float32, 3*s.hidden)
					c.fillF32(peephole, 1, false)
				case 2:
					o.Clip, o.InputForget = 0.5, true
				}
				w, r, bias := make([]float32, gates*s.hidden*s.input), make([]float32, gates*s.hidden*s.hidden), make([]float32, 2*gates*s.hidden)
				x, y := buffer[float32](c, "x", s.steps*s.batch*s.input, atStart), buffer[float32](c, "y", s.steps*s.batch*s.hidden, atStart)
				states := make([]float32, 4*s.batch*s.hidden)
				for _, v := range [][]float32{w, r, bias, x, states} {
					c.fillF32(v, 0.5, false)
				}
				net := kernels.NewRecurrent(o, s.input, s.hidden, w, r, bias, peephole)
				n := s.batch * s.hidden
				q := kernels.Sequence{Steps: s.steps, Batch: s.batch, Reverse: variant == 2, X: x, XStep: s.batch * s.input, XRow: s.input,
					Y: y, YStep: n, YRow: s.hidden, H0: states[:n], C0: states[n : 2*n], Hn: states[2*n : 3*n], Cn: states[3*n:], StateRow: s.hidden}
				if s.batch > 2 {
					q.Lengths = make([]int32, s.batch)
					for b := range q.Lengths {
						q.Lengths[b] = int32(b % (s.steps + 1))
					}
				}
				reference := q
				reference.Y, reference.Hn, reference.Cn = make([]float32, len(y)), make([]float32, n), make([]float32, n)
				net.Run(nil, &reference, make([]float32, net.Scratch(s.batch)))
				scratch := buffer[float32](c, "scratch", net.Scratch(s.batch), atStart)
				c.run(func() { net.Run(nil, &q, scratch) })
				testkit.EqualF32(c.t, c.name+": Y", q.Y, reference.Y)
				testkit.EqualF32(c.t, c.name+": h", q.Hn, reference.Hn)
				testkit.EqualF32(c.t, c.name+": c", q.Cn, reference.Cn)

				b := s.batch - 1 // alone
				at := b * s.hidden
				q.Batch, q.X, q.Y, q.H0, q.C0 = 1, q.X[b*s.input:], make([]float32, len(y)), q.H0[at:], q.C0[at:]
				q.Hn, q.Cn = make([]float32, s.hidden), make([]float32, s.hidden)
				if q.Lengths != nil {
					q.Lengths = q.Lengths[b:]
				}
				c.run(func() { net.Run(nil, &q, scratch) })
				testkit.EqualF32(c.t, c.name+": h alone", q.Hn, reference.Hn[at:])
				for t := range s.steps {
					testkit.EqualF32(c.t, c.name+": Y alone", q.Y[t*n:][:s.hidden], reference.Y[t*n+at:][:s.hidden])
				}
			}
		}
	}
}
