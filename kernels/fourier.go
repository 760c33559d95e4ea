package kernels

import "math"

// Fourier computes discrete Fourier transforms of one length in float64:
//
//	y[k] = Σ_j x[j] · e^(−2πi·jk/n)
//
// A length whose prime factors are at most maxRadix goes through Stockham's passes, one factor at a time, in the order of factor; any
// other one is the convolution with a chirp (Bluestein, 1970) over a power of two. The roots of unity are exact to an ULP, the order of
// operations depends on n alone, and no product is fused with a sum. Relative to the largest |y| the error stays below 1e-15·log₂ n
// (TestFourier). Plain Go on every tier.
type Fourier struct {
	n, inner        int          // inner: the power of two of the chirp; 0 where there is none
	roots           []complex128 // e^(−2πi·k/n), or of inner
	chirp, response []complex128 // e^(−πi·k²/n), and the transform of its conjugate
	padded, work    []complex128
}

// maxRadix: a pass of radix p costs p/2 products per element; the chirp costs 30 to 60.
const maxRadix = 31

// FourierScratch is the number of complex128 that NewFourier needs for length n.
func FourierScratch(n int) int {
	if inner := chirpLength(n); inner > 0 {
		return n + 4*inner
	}
	return 2 * n
}

// FourierWork is the number of complex128 that Beside needs.
func FourierWork(n int) int {
	if inner := chirpLength(n); inner > 0 {
		return 2 * inner
	}
	return n
}

// chirpLength is the power of two that length n is transformed over, 0 where its factors are small.
func chirpLength(n int) int {
	rest := n
	for rest > 1 {
		p := factor(rest)
		if p == 0 {
			inner := 1
			for inner < 2*n-1 {
				inner *= 2
			}
			return inner
		}
		rest /= p
	}
	return 0
}

// factor is the radix of the next pass: 4, 2 or the smallest odd prime factor; 0 if that is over maxRadix.
func factor(n int) int {
	switch {
	case n%4 == 0:
		return 4
	case n%2 == 0:
		return 2
	}
	for p := 3; p <= maxRadix; p += 2 {
		if n%p == 0 {
			return p
		}
	}
	return 0
}

// NewFourier prepares transforms of length n ≥ 1 in scratch, which it keeps, as long as FourierScratch says.
func NewFourier(n int, scratch []complex128) Fourier {
	take := func(size int) (s []complex128) {
		s, scratch = scratch[:size:size], scratch[size:]
		return s
	}
	f := Fourier{n: n, inner: chirpLength(n)}
	if f.inner == 0 {
		f.roots, f.work = take(n), take(n)
		rootsOfUnity(f.roots)
		return f
	}
	f.roots, f.response, f.padded, f.work, f.chirp = take(f.inner), take(f.inner), take(f.inner), take(f.inner), take(n)
	rootsOfUnity(f.roots)
	clear(f.response)
	square := 0 // k² mod 2n
	for k := range n {
		cos, sin := Turn(square, 2*n)
		f.chirp[k] = complex(cos, -sin)
		f.response[k] = complex(cos, sin)
		if k > 0 {
			f.response[f.inner-k] = complex(cos, sin)
		}
		square = (square + 2*k + 1) % (2 * n)
	}
	f.passes(f.response)
	return f
}

// Beside is f with working memory of its own, FourierWork long, so that both may transform at the same time.
func (f Fourier) Beside(work []complex128) Fourier {
	f.work, f.padded = work[:len(f.roots)], work[len(f.roots):]
	return f
}

// Transform replaces x, n long, by its transform.
func (f *Fourier) Transform(x []complex128) {
	if f.inner == 0 {
		f.passes(x)
		return
	}
	a := f.padded
	clear(a[f.n:])
	for k, v := range x {
		a[k] = times(v, f.chirp[k])
	}
	f.passes(a)
	for k, v := range a { // the conjugate, so that the way back is the same transform
		v = times(v, f.response[k])
		a[k] = complex(real(v), -imag(v))
	}
	f.passes(a)
	scale := 1 / float64(f.inner)
	for k := range x {
		x[k] = times(complex(real(a[k])*scale, -imag(a[k])*scale), f.chirp[k])
	}
}

// passes transforms x, as long as roots, in place.
func (f *Fourier) passes(x []complex128) {
	src, dst := x, f.work
	step := 1
	for rest := len(x); rest > 1; {
		p := factor(rest)
		rest /= p
		switch p {
		case 2:
			f.radix2(dst, src, rest, step)
		case 4:
			f.radix4(dst, src, rest, step)
		default:
			f.radixOdd(dst, src, p, rest, step)
		}
		src, dst = dst, src
		step *= p
	}
	if &src[0] != &x[0] {
		copy(x, src)
	}
}

func (f *Fourier) radix2(dst, src []complex128, m, step int) {
	for q := range m {
		w := f.roots[q*step]
		a, b := src[q*step:(q+1)*step], src[(q+m)*step:(q+m+1)*step]
		y0, y1 := dst[2*q*step:(2*q+1)*step], dst[(2*q+1)*step:(2*q+2)*step]
		for r := range a {
			y0[r], y1[r] = a[r]+b[r], times(a[r]-b[r], w)
		}
	}
}

func (f *Fourier) radix4(dst, src []complex128, m, step int) {
	for q := range m {
		w1, w2, w3 := f.roots[q*step], f.roots[2*q*step], f.roots[3*q*step]
		a, b, c, d := src[q*step:(q+1)*step], src[(q+m)*step:(q+m+1)*step], src[(q+2*m)*step:(q+2*m+1)*step], src[(q+3*m)*step:(q+3*m+1)*step]
		y := dst[4*q*step : (4*q+4)*step]
		for r := range a {
			ac, dif, bd, turned := a[r]+c[r], a[r]-c[r], b[r]+d[r], b[r]-d[r]
			turned = complex(imag(turned), -real(turned))
			y[r] = ac + bd
			y[r+step] = times(dif+turned, w1)
			y[r+2*step] = times(ac-bd, w2)
			y[r+3*step] = times(dif-turned, w3)
		}
	}
}

// radixOdd takes inputs i and p−i together: outputs j and p−j need the same products of their sums and differences.
func (f *Fourier) radixOdd(dst, src []complex128, p, m, step int) {
	var sums, differences [maxRadix / 2]complex128
	half, unit := p/2, len(f.roots)/p
	for q := range m {
		for r := range step {
			first := src[q*step+r]
			total := first
			for i := 1; i <= half; i++ {
				a, b := src[(q+i*m)*step+r], src[(q+(p-i)*m)*step+r]
				sums[i-1], differences[i-1] = a+b, a-b
				total += a + b
			}
			dst[p*q*step+r] = total
			for j := 1; j <= half; j++ {
				even, odd := first, complex128(0)
				for i := 1; i <= half; i++ {
					w := f.roots[i*j%p*unit]
					s, d := sums[i-1], differences[i-1]
					even += complex(float64(real(s)*real(w)), float64(imag(s)*real(w)))
					odd += complex(-float64(imag(d)*imag(w)), float64(real(d)*imag(w)))
				}
				dst[(p*q+j)*step+r] = times(even+odd, f.roots[q*j*step])
				dst[(p*q+p-j)*step+r] = times(even-odd, f.roots[q*(p-j)*step])
			}
		}
	}
}

// times is a·b with every product rounded.
func times(a, b complex128) complex128 {
	return complex(float64(real(a)*real(b))-float64(imag(a)*imag(b)), float64(real(a)*imag(b))+float64(imag(a)*real(b)))
}

// rootsOfUnity writes e^(−2πi·k/n) for k < n = len(dst).
func rootsOfUnity(dst []complex128) {
	n := len(dst)
	for k := range n/2 + 1 {
		cos, sin := Turn(k, n)
		dst[k] = complex(cos, -sin)
		if k > 0 {
			dst[n-k] = complex(cos, sin)
		}
	}
}

// Turn returns cos and sin of 2π·k/n for 0 ≤ k < n < 2⁶⁰, to an ULP: the eighth of the circle is found in integers, and Taylor's series
// to x¹⁷ serve the rest. The conversions around products keep the compiler from fusing them.
func Turn(k, n int) (cos, sin float64) {
	octant, r := 8*k/n, 8*k%n
	if octant%2 == 1 {
		r = n - r
	}
	x := float64(math.Pi/4*float64(r)) / float64(n)
	z := float64(x * x)
	s, c := 1.0, 1.0
	for d := 16.0; d > 0; d -= 2 {
		c = 1 - float64(c*z)/float64(d*(d-1))
		s = 1 - float64(s*z)/float64(d*(d+1))
	}
	s = float64(s * x)
	switch octant {
	case 0:
		return c, s
	case 1:
		return s, c
	case 2:
		return -s, c
	case 3:
		return -c, s
	case 4:
		return -c, -s
	case 5:
		return -s, -c
	case 6:
		return s, -c
	}
	return c, -s
}

// Mel is the frequency of hertz on the mel scale, 2595·log₁₀(1 + f/700), for f ≥ 0; Hertz is its inverse for mel ≤ 2·10⁵.
func Mel(hertz float64) float64 { return float64(2595 / math.Ln10 * logF64(1+hertz/700)) }

// Hertz is the frequency of mel in hertz.
func Hertz(mel float64) float64 { return float64(700 * (expF64(float64(mel*math.Ln10)/2595) - 1)) }
