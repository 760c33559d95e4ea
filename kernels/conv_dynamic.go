package kernels

import "sync"

// ConvDynamicF32 is ConvF32 for weights w [M × C/groups × KH × KW] that are no constants: it packs them first. p comes from ConvWeights.
// floats and ints hold DynamicScratch elements.
func ConvDynamicF32(pool *Pool, dst, x, w, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	own, size := packedConvs.Get().(*PackedConv), p.packedLen()
	*own = *p
	own.data = floats[:size]
	clear(own.data)
	own.pack(w)
	ConvF32(pool, dst, x, bias, own, batch, s, floats[size:], ints)
	*own = PackedConv{}
	packedConvs.Put(own)
}

var packedConvs = sync.Pool{New: func() any { return new(PackedConv) }}

// DynamicScratch is the number of float32 and of int64 that ConvDynamicF32 needs beside its operands.
func (p *PackedConv) DynamicScratch(s *ConvShape) (floats, ints int) {
	floats, ints = p.ConvScratch(s)
	return p.packedLen() + floats, ints
}

// ConvTransposeDynamicF32 is ConvTransposeF32 for weights w [M × C/groups × KH × KW] that are no constants: it packs them first. p comes from
// ConvWeights. floats and ints hold TransposeDynamicScratch elements.
func ConvTransposeDynamicF32(pool *Pool, dst, x, w, bias []float32, p *PackedConv, batch int, s *ConvShape, floats []float32, ints []int64) {
	own, size := packedConvs.Get().(*PackedConv), p.packedLen()
	*own = *p
	own.data = floats[:size]
	clear(own.data)
	own.pack(w)
	ConvTransposeF32(pool, dst, x, bias, own, batch, s, floats[size:], ints)
	*own = PackedConv{}
	packedConvs.Put(own)
}

// TransposeDynamicScratch is the number of float32 and of int64 that ConvTransposeDynamicF32 needs beside its operands.
func (p *PackedConv) TransposeDynamicScratch(s *ConvShape) (floats, ints int) {
	floats, ints = p.TransposeScratch(s)
	return p.packedLen() + floats, ints
}
