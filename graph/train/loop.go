package train

import (
	"fmt"
	"math"
	"time"

	"github.com/hotpath/hotpath/graph"
)

// problem is a network, its loss and the training rows.
type problem struct {
	*config
	tape     *tape
	loss     loss
	x        []float32 // [rows, width]
	y        []float32
	width    int
	cols     int
	unit     float64 // of y in units of the target, for the RMSE
	progress func(done, total int, note string)
}

// descend runs the optimizer over shuffled batches, epoch by epoch. It returns the rows seen per second.
func descend(p *problem) (rowsPerSecond float64, err error) {
	rows := len(p.y)
	batch := min(p.Batch, rows)
	if p.opt.full {
		batch = rows
	}
	params := p.tape.params
	opt := p.opt.make(params, float32(p.Momentum))
	order := make([]int, rows)
	for i := range order {
		order[i] = i
	}
	shuffle := newRand(p.Seed, streamOrder)
	y := make([]float32, batch)
	perEpoch := (rows + batch - 1) / batch
	step, steps := 0, perEpoch*p.Epochs
	start := time.Now()
	for epoch := 1; epoch <= p.Epochs; epoch++ {
		if batch < rows {
			shuffle.Shuffle(rows, func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		var sum float64
		right := 0
		for at := 0; at < rows; at += batch {
			part := order[at:min(at+batch, rows)]
			loss, hits, err := p.gradients(part, y[:len(part)])
			if err != nil {
				return 0, err
			}
			sum += float64(loss * float64(len(part)))
			right += hits
			penalise(params, float32(p.l2))
			opt.step(params, float32(float64(p.LR*p.schedule.factor(step, steps))))
			step++
		}
		mean := sum / float64(rows)
		if math.IsNaN(mean) || math.IsInf(mean, 0) {
			return 0, fmt.Errorf("the loss became %v in epoch %d of %d; a smaller --lr than %g, or --standardize for raw features, helps: %w", mean, epoch, p.Epochs, p.LR, ErrDiverged)
		}
		p.report(epoch, p.Epochs, mean, right)
	}
	return float64(rows*p.Epochs) / time.Since(start).Seconds(), nil
}

// gradients runs one batch forward and backward. It returns the mean loss and the rows that were classified right.
func (p *problem) gradients(rows []int, y []float32) (mean float64, right int, err error) {
	if err := p.tape.resize(len(rows), p.width); err != nil {
		return 0, 0, err
	}
	x := p.tape.x()
	for k, r := range rows {
		copy(x[k*p.width:(k+1)*p.width], p.x[r*p.width:(r+1)*p.width])
		y[k] = p.y[r]
	}
	z := p.tape.forward()
	mean = p.loss.eval(z, y, p.tape.dOut(), p.cols)
	p.tape.backward()
	if p.Task == graph.Classification {
		right = p.hits(z, y)
	}
	return mean, right, nil
}

// hits counts the rows whose largest logit, or whose sign, is that of their class.
func (p *problem) hits(z, y []float32) (n int) {
	for i, class := range y {
		var said int
		if p.cols == 1 {
			if z[i] > 0 {
				said = 1
			}
		} else {
			said = Classify(z[i*p.cols : (i+1)*p.cols])
		}
		if said == int(class) {
			n++
		}
	}
	return n
}

// penalise adds the gradient of l2/2·Σw².
func penalise(params []param, l2 float32) {
	if l2 == 0 {
		return
	}
	for _, p := range params {
		if !p.decay {
			continue
		}
		for i, w := range p.w {
			p.g[i] += float32(l2 * w)
		}
	}
}

func (p *problem) report(epoch, epochs int, loss float64, right int) {
	if p.progress == nil {
		return
	}
	note := fmt.Sprintf("loss %.4f", loss)
	if p.Task == graph.Classification {
		note += fmt.Sprintf(" accuracy %.4f", ratio(right, len(p.y)))
	} else {
		note += fmt.Sprintf(" rmse %.4g", math.Sqrt(2*loss)*p.unit)
	}
	p.progress(epoch, epochs, note)
}
