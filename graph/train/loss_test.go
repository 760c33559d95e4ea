package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestLossGradients compares every loss with its definition in float64 and its gradient with central differences.
func TestLossGradients(t *testing.T) {
	const rows = 6
	for _, row := range lossTable {
		cols := 1
		if row.classes != 2 && row.name != "mse" {
			cols = 4
		}
		t.Run(row.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			z, y, dz, spare := make([]float32, rows*cols), make([]float32, rows), make([]float32, rows*cols), make([]float32, rows*cols)
			for i := range z {
				z[i] = float32(4*r.Float64() - 2)
			}
			for i := range y {
				y[i] = float32(r.IntN(max(cols, 2)))
			}
			l := row.make()
			got, want := l.eval(z, y, dz, cols), lossByDefinition(row.name, z, y, cols)
			if math.Abs(got-want) > 1e-6*(1+want) {
				t.Errorf("loss %v, expected %v", got, want)
			}
			for i := range z {
				const h = 1.0 / 512
				at := z[i]
				z[i] = at + h
				up := l.eval(z, y, spare, cols)
				z[i] = at - h
				down := l.eval(z, y, spare, cols)
				z[i] = at
				if want := (up - down) / (2 * h); math.Abs(want-float64(dz[i])) > 1e-3 {
					t.Errorf("logit %d: gradient %v, differences say %v", i, dz[i], want)
				}
			}
		})
	}
}

func lossByDefinition(name string, z, y []float32, cols int) float64 {
	var sum float64
	for i, class := range y {
		row := z[i*cols : (i+1)*cols]
		switch name {
		case "binary_cross_entropy":
			p := 1 / (1 + math.Exp(-float64(row[0])))
			if class == 1 {
				sum -= math.Log(p)
			} else {
				sum -= math.Log(1 - p)
			}
		case "softmax_cross_entropy":
			var total float64
			for _, v := range row {
				total += math.Exp(float64(v))
			}
			sum += math.Log(total) - float64(row[int(class)])
		case "mse":
			sum += math.Pow(float64(row[0]-class), 2) / 2
		default:
			for j, v := range row {
				s := -1.0
				if j == int(class) {
					s = 1
				}
				h := math.Max(0, 1-s*float64(v))
				if name == "squared_hinge" {
					h *= h
				}
				sum += h
			}
		}
	}
	return sum / float64(len(y))
}

// TestLossesAreStable: logits of any size give finite losses and gradients.
func TestLossesAreStable(t *testing.T) {
	for _, row := range lossTable[:2] {
		for _, size := range []float32{0, 100, 1e4, 1e30} {
			t.Run(fmt.Sprint(row.name, size), func(t *testing.T) {
				cols := 1
				if row.classes == 3 {
					cols = 3
				}
				z, dz := make([]float32, 2*cols), make([]float32, 2*cols)
				z[0], z[cols] = size, -size
				loss := row.make().eval(z, []float32{0, 1}, dz, cols)
				if math.IsNaN(loss) || math.IsInf(loss, 0) {
					t.Errorf("loss %v", loss)
				}
				for i, d := range dz {
					if d != d || abs(d) > 1 {
						t.Errorf("gradient %d is %v", i, d)
					}
				}
			})
		}
	}
}
