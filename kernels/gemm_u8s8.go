package kernels

import (
	"fmt"
	"sync"

	"github.com/hotpath/hotpath/internal/cpu"
)

// MaxKS8 is the largest K for which no s32 sum of u8·s8 products can overflow: K·255·128 < 2³¹.
const MaxKS8 = 65793

// PackedS8 is a K×N s8 matrix packed for the GemmU8S8 functions: [panel of 16 columns][k/4][16][4], zero past K and N. The layout
// is the same on all tiers. ColSum[n] is the sum of column n, for the correction of A's zero point.
type PackedS8 struct {
	K, N   int
	Data   []int8
	ColSum []int32
	// paired says that in each pair of rows (2i, 2i+1) of a column the positive and the negative weights each sum to 128 at most. Then
	// the sum of two products with bytes lies within 255·128 and fits in s16: VPMADDUBSW, which saturates, is exact.
	paired bool
}

// pairLimit is the largest sum of the weights of one sign in a pair: 255·128 < 2¹⁵ ≤ 255·129.
const pairLimit = 128

// PackS8 packs the k×n matrix whose element (i, j) is b[i·rowStride + j·colStride], and finds out whether its pairs allow the faster
// AVX2 kernels; quant makes weights that do. It panics when k > MaxKS8.
func PackS8(k, n int, b []int8, rowStride, colStride int) *PackedS8 {
	p := new(PackedS8)
	p.Pack(k, n, bytesOf(b), true, rowStride, colStride)
	return p
}

// PackedS8Bytes is the length of the Data of a packed k×n matrix.
func PackedS8Bytes(k, n int) int { return roundUp(k, 4) * roundUp(n, panelCols) }

// Pack is PackS8 into p, whose memory is reused where it is large enough. Unless signed, the bytes are u8 and are packed 128 smaller.
func (p *PackedS8) Pack(k, n int, b []uint8, signed bool, rowStride, colStride int) {
	checkStrided(k, n, len(b), rowStride, colStride)
	if k > MaxKS8 {
		panic(fmt.Sprintf("kernels: K = %d: s32 sums could overflow, at most %d", k, MaxKS8))
	}
	groups, flip := (k+3)/4, uint8(s8Sign)
	if signed {
		flip = 0
	}
	p.K, p.N, p.paired = k, n, true
	p.Data, p.ColSum = grown(p.Data, PackedS8Bytes(k, n)), grown(p.ColSum, n)
	clear(p.Data)
	for j := range n {
		at := j/panelCols*panelCols*groups*4 + j%panelCols*4
		var sum int32
		var positive, negative int
		for i := range k {
			v := int8(b[i*rowStride+j*colStride] ^ flip)
			p.Data[at+i/4*panelCols*4+i%4] = v
			sum += int32(v)
			if i%2 == 0 {
				positive, negative = 0, 0
			}
			positive, negative = positive+max(int(v), 0), negative-min(int(v), 0)
			p.paired = p.paired && positive <= pairLimit && negative <= pairLimit
		}
		p.ColSum[j] = sum
	}
}

// takesWords reports whether products with p read A as words: where the tier has no exact instruction for any bytes and the weights
// are not paired.
func (p *PackedS8) takesWords() bool {
	t := max(tier, emulated)
	return t >= cpu.AVX2 && t < cpu.VNNI && !p.paired
}

// panels returns the panels of columns j0…j1, j0 a multiple of 16.
func (p *PackedS8) panels(j0, j1 int) []int8 {
	depth := roundUp(p.K, 4)
	return p.Data[j0*depth : roundUp(j1, panelCols)*depth]
}

// GemmU8S8S32 computes c[i·ldc+j] = Σ_k a[i·lda+k] · B[k][j] for i < m, j < N, exactly.
//
// lda ≥ K, ldc ≥ N. c must not overlap a or B. pool may be nil.
func GemmU8S8S32(pool *Pool, m int, a []uint8, lda int, b *PackedS8, c []int32, ldc int) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	runU8S8(pool, gemmU8S8{a: a, lda: lda, b: b, ldc: ldc, s32: c}, m)
}

// Requant maps s32 sums to u8, per column: clamp(roundeven(float32(sum + Bias[n]) · Mult[n]) + ZeroPoint, Lo, Hi).
//
// 0 ≤ Lo ≤ Hi ≤ 255. A relu is Lo = ZeroPoint. Mult is finite. Bias holds everything that is added in s32, the correction
// −zeroA·ColSum[n] included; sum + Bias[n] must not overflow.
type Requant struct {
	Bias      []int32
	Mult      []float32
	ZeroPoint int32
	Lo, Hi    int32
}

// GemmU8S8U8 computes c[i·ldc+j] = requantised Σ_k a[i·lda+k] · B[k][j] for i < m, j < N; see Requant. The sum is exact and the
// float32 conversion, product and rounding each round once, to even.
//
// lda ≥ K, ldc ≥ N. c must not overlap a or B. pool may be nil.
func GemmU8S8U8(pool *Pool, m int, a []uint8, lda int, b *PackedS8, c []uint8, ldc int, rq *Requant) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	g := requantisingGemm(b, c, ldc, rq)
	g.a, g.lda = a, lda
	runU8S8(pool, g, m)
}

func requantisingGemm(b *PackedS8, c []uint8, ldc int, rq *Requant) gemmU8S8 {
	if rq.Lo < 0 || rq.Lo > rq.Hi || rq.Hi > 255 {
		panic(fmt.Sprintf("kernels: requantise to %d…%d", rq.Lo, rq.Hi))
	}
	return gemmU8S8{b: b, ldc: ldc, u8: c, bias: rq.Bias[:b.N], scale: rq.Mult[:b.N], zp: rq.ZeroPoint, lo: rq.Lo, hi: rq.Hi}
}

// Dequant maps s32 sums to f32, per column: act(float32(sum + Bias[n]) · Scale[n]). sum + Bias[n] must not overflow.
type Dequant struct {
	Bias  []int32
	Scale []float32
	Act   Activation
}

// GemmU8S8F32 computes c[i·ldc+j] = dequantised Σ_k a[i·lda+k] · B[k][j] for i < m, j < N; see Dequant.
//
// lda ≥ K, ldc ≥ N. c must not overlap a or B. pool may be nil.
func GemmU8S8F32(pool *Pool, m int, a []uint8, lda int, b *PackedS8, c []float32, ldc int, dq *Dequant) {
	checkGemm(m, b.K, b.N, len(a), lda, len(c), ldc)
	g := dequantisingGemm(b, c, ldc, dq)
	g.a, g.lda = a, lda
	runU8S8(pool, g, m)
}

func dequantisingGemm(b *PackedS8, c []float32, ldc int, dq *Dequant) gemmU8S8 {
	return gemmU8S8{b: b, ldc: ldc, f32: c, bias: dq.Bias[:b.N], scale: dq.Scale[:b.N], act: dq.Act}
}

// gemmU8S8 is one product; the destination that is not nil says which epilogue.
type gemmU8S8 struct {
	blocks
	a          []uint8
	b          *PackedS8
	lda, ldc   int
	s32        []int32
	u8         []uint8
	f32        []float32
	bias       []int32
	scale      []float32
	zp, lo, hi int32
	act        Activation
	words      bool     // A is widened to words, a block at a time
	tiles      bool     // A is packed to tiles, a block at a time
	windows    qwindows // instead of a, in tiles, if it has taps
	flip       uint8    // exclusive-or'ed with A
	corrected  bool     // zero is applied to s32
	zero       ZeroPoints
}

var gemmU8S8Jobs = sync.Pool{New: func() any { return new(gemmU8S8) }}

func runU8S8(pool *Pool, g gemmU8S8, m int) {
	if m == 0 || g.b.N == 0 {
		return
	}
	g.words, g.tiles = g.b.takesWords(), TakesTiles(max(tier, emulated), m, g.b.N, g.b.K)
	if g.tiles {
		g.blocks = tileBlocks(m, g.b.N, g.b.K)
	} else {
		g.blocks = newBlocks(m, g.b.N, g.b.K, g.words || g.flip != 0)
	}
	if !pool.worthwhile(g.m, g.n, g.b.K, gemmU8S8Rate) {
		for i := range g.count() {
			g.Chunk(i)
		}
		return
	}
	g.blocks = g.split(g.b.K, pool.Threads())
	job := gemmU8S8Jobs.Get().(*gemmU8S8)
	*job = g
	pool.Run(g.count(), job)
	*job = gemmU8S8{}
	gemmU8S8Jobs.Put(job)
}

// Chunk computes block i of C.
func (g *gemmU8S8) Chunk(i int) {
	i0, i1, j0, j1 := g.block(i)
	var a []uint8
	if g.windows.taps == nil {
		a = g.a[i0*g.lda : (i1-1)*g.lda+g.b.K]
	}
	if g.words || g.tiles || g.flip != 0 {
		s := scratches.Get().(*scratch)
		g.copied(s, a, i0, i1, j0, j1)
		scratches.Put(s)
	} else {
		for j := j0; j < j1; j += g.call {
			g.bytes(a, g.lda, i0, i1, j, min(j+g.call, j1))
		}
	}
	if g.corrected {
		g.correct(a, i0, i1, j0, j1)
	}
}

// copied computes a block from rows of A in another form.
func (g *gemmU8S8) copied(s *scratch, a []uint8, i0, i1, j0, j1 int) {
	rows, k, lda := i1-i0, g.b.K, g.lda
	var tiles []uint8
	var wide []int16
	switch {
	case g.tiles && g.windows.taps != nil:
		tiles = g.windows.tiles(s, i0, rows)
	case g.tiles:
		tiles = s.tiles(a, lda, rows, k, g.flip)
	case g.flip != 0:
		a, lda = s.flipped(a, lda, rows, k, g.flip)
	}
	if g.tiles {
		s.s32 = grown(s.s32, tileScratch)
	}
	if g.words {
		wide, lda = s.widenRows(a, lda, rows, k)
	}
	for j := j0; j < j1; j += g.call {
		end := min(j+g.call, j1)
		switch {
		case g.tiles:
			g.tiled(tiles, s.s32, i0, i1, j, end)
		case g.words:
			g.wide(wide, lda, i0, i1, j, end)
		default:
			g.bytes(a[:(rows-1)*lda+k], lda, i0, i1, j, end)
		}
	}
}

// bytes computes rows i0…i1 and columns j0…j1 of C from rows of bytes.
func (g *gemmU8S8) bytes(a []uint8, lda, i0, i1, j0, j1 int) {
	b, rows, cols, k := g.b.panels(j0, j1), i1-i0, j1-j0, g.b.K
	from, to := i0*g.ldc+j0, (i1-1)*g.ldc+j1
	switch {
	case g.s32 != nil:
		gemm_u8s8s32(a, b, g.s32[from:to], lda, g.ldc, rows, cols, k)
	case g.u8 != nil:
		gemm_u8s8u8(a, b, g.u8[from:to], g.bias[j0:j1], g.scale[j0:j1], lda, g.ldc, rows, cols, k,
			float32(g.lo-g.zp), float32(g.hi-g.zp), g.zp)
	default:
		gemm_u8s8f32(a, b, g.f32[from:to], g.bias[j0:j1], g.scale[j0:j1], lda, g.ldc, rows, cols, k, int(g.act))
	}
}

// dotU8S8 returns Σ_k row[k] · B[k][j] from the packed panels.
func dotU8S8(row []uint8, b []int8, j int) int32 {
	at := j/panelCols*panelCols*roundUp(len(row), 4) + j%panelCols*4
	var sum int32
	for k, v := range row {
		sum += int32(v) * int32(b[at+k/4*panelCols*4+k%4])
	}
	return sum
}

func gemm_u8s8s32_ref(a []uint8, b []int8, c []int32, lda, ldc, m, n, k int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dotU8S8(a[i*lda:][:k], b, j)
		}
	}
}

func gemm_u8s8u8_ref(a []uint8, b []int8, c []uint8, bias []int32, mult []float32, lda, ldc, m, n, k int, lo, hi float32, zp int32) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = requantised(dotU8S8(a[i*lda:][:k], b, j)+bias[j], mult[j], lo, hi, zp)
		}
	}
}

// RequantizeU8 maps rows of exact sums, each as long as rq.Mult, to u8; see Requant.
func RequantizeU8(dst []uint8, sums []int32, rq *Requant) {
	lo, hi, n := float32(rq.Lo-rq.ZeroPoint), float32(rq.Hi-rq.ZeroPoint), len(rq.Mult)
	for at := 0; at < len(sums); at += n {
		for j, m := range rq.Mult {
			dst[at+j] = requantised(sums[at+j]+rq.Bias[j], m, lo, hi, rq.ZeroPoint)
		}
	}
}

// requantised takes the clamp before the zero point is added: lo and hi are Requant's less zp.
func requantised(sum int32, mult, lo, hi float32, zp int32) uint8 {
	y := float32(sum) * mult
	return uint8(roundClamped(y, lo, hi) + zp)
}

func gemm_u8s8f32_ref(a []uint8, b []int8, c []float32, bias []int32, scale []float32, lda, ldc, m, n, k, relu int) {
	for i := range m {
		for j := range n {
			c[i*ldc+j] = dequantised(dotU8S8(a[i*lda:][:k], b, j)+bias[j], scale[j], relu)
		}
	}
}

func dequantised(sum int32, scale float32, relu int) float32 {
	y := float32(sum) * scale
	if relu != 0 {
		y = relu1(y)
	}
	return y
}
