package ops

import (
	"hash/fnv"
	"math"

	"github.com/hotpath/hotpath/graph"
)

// randomSource is the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded by one word. Its numbers are those of NumPy's
// RandomState(seed), which onnx's reference evaluator uses.
type randomSource struct {
	state [624]uint32
	at    int
	spare float64 // the second of a pair of normal numbers
	has   bool
}

func (r *randomSource) seed(s uint32) {
	r.state[0], r.at, r.has = s, len(r.state), false
	for i := 1; i < len(r.state); i++ {
		p := r.state[i-1]
		r.state[i] = 1812433253*(p^p>>30) + uint32(i)
	}
}

func (r *randomSource) word() uint32 {
	const n, m = len(r.state), 397
	if r.at == n {
		for i := range r.state {
			y := r.state[i]&(1<<31) | r.state[(i+1)%n]&(1<<31-1)
			r.state[i] = r.state[(i+m)%n] ^ y>>1 ^ y&1*0x9908b0df
		}
		r.at = 0
	}
	y := r.state[r.at]
	r.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// uniform is the next number of [0, 1): 53 bits of two words.
func (r *randomSource) uniform() float64 {
	a, b := r.word()>>5, r.word()>>6
	return (float64(float64(a)*(1<<26)) + float64(b)) / (1 << 53) // every step is exact
}

// normal is the next number of the standard normal distribution, by the polar method.
func (r *randomSource) normal() float64 {
	if r.has {
		r.has = false
		return r.spare
	}
	for {
		x, y := float64(2*r.uniform())-1, float64(2*r.uniform())-1
		if q := float64(x*x) + float64(y*y); q < 1 && q != 0 {
			f := math.Sqrt(-2 * logF64(q) / q)
			r.spare, r.has = f*x, true
			return f * y
		}
	}
}

// seedOf reads the float attribute "seed": whole numbers that fit 32 bits as they are, others by their bits. Without one the seed follows
// from the name of the output: nodes differ from each other, and answers still depend on nothing but the model.
func seedOf(n *graph.Node) (uint32, error) {
	if _, given := n.Attrs["seed"]; !given {
		return seedOfName(n), nil
	}
	s, err := n.FloatAttr("seed", 0)
	if s >= 0 && s < 1<<32 && s == float32(math.Trunc(float64(s))) {
		return uint32(s), err
	}
	return math.Float32bits(s), err
}

func seedOfName(n *graph.Node) uint32 {
	h := fnv.New32a()
	for _, out := range n.Outputs {
		_, _ = h.Write([]byte(out))
	}
	return h.Sum32()
}
