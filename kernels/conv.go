package kernels

import "fmt"

// ConvShape is a two-dimensional convolution or pooling of one image: of channels of H × W, from the padded top left on. One dimension
// is H = KH = 1.
type ConvShape struct {
	H, W, OH, OW         int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int
	Top, Left            int // padding before; that behind follows from OH and OW
}

// pointwise reports whether each output is made of the input at its own place alone.
func (s *ConvShape) pointwise() bool {
	return s.KH == 1 && s.KW == 1 && s.StrideH == 1 && s.StrideW == 1 && s.OH == s.H && s.OW == s.W && s.Top == 0 && s.Left == 0
}

// turned is the same convolution with an image of one column, which lies in memory as one of one row does, as that row: tiles are made of
// pixels of a row.
func (s *ConvShape) turned() ConvShape {
	if s.W != 1 || s.OW != 1 || s.KW != 1 || s.Left != 0 {
		return *s
	}
	return ConvShape{
		H: 1, W: s.H, OH: 1, OW: s.OH, KH: 1, KW: s.KH,
		StrideH: s.StrideW, StrideW: s.StrideH, DilationH: s.DilationW, DilationW: s.DilationH, Left: s.Top,
	}
}

// ConvLanes is the width of a channel block, of input and output alike, and so of the packed-channel layout: an image of channels × H × W
// is [channels/16, rounded up][H][W][16]. The lanes of channels that do not exist hold anything; nothing reads them but lanes that do not
// exist either. convSegment bounds a chain of products from below: a segment is as many whole channel blocks as have this many. Both are
// part of the numerics contract and never change.
const (
	ConvLanes   = 16
	convLanes   = ConvLanes
	convSegment = 256
)

// ConvBlocks is the number of channel blocks that hold channels.
func ConvBlocks(channels int) int { return (channels + convLanes - 1) / convLanes }

// PackedConv is the weights of a convolution, packed by PackConv.
type PackedConv struct {
	M, C, Groups int // output and input channels of all groups
	KH, KW       int
	taps         int // products of a channel, where they are counted otherwise: those of the kernel that a point is one of
	depthwise    bool
	pool         poolKind
	winograd     *winograd // instead of data
	data         []float32 // [group][output block][input block][ky][kx][channel in block][16 outputs]; depthwise [block][ky][kx][16]
}

// PackConv packs w [M × C/groups × KH × KW], ONNX's order. groups divides M and C.
func PackConv(w []float32, m, c, groups, kh, kw int) *PackedConv {
	return PackConvAt(nil, w, m, c, groups, kh, kw)
}

// PackConvAt is PackConv to a place.
func PackConvAt(at Place, w []float32, m, c, groups, kh, kw int) *PackedConv {
	p := ConvWeights(m, c, groups, kh, kw)
	p.data = placed(at, fmt.Sprintf("conv %d %d %d %d %d", m, c, groups, kh, kw), p.packedLen(), func(dst []float32) {
		own := p
		own.data = dst
		own.pack(w)
	})
	return &p
}

// ConvWeights describes weights of this shape that are known when ConvDynamicF32 runs.
func ConvWeights(m, c, groups, kh, kw int) PackedConv {
	return PackedConv{M: m, C: c, Groups: groups, KH: kh, KW: kw, depthwise: m == groups && c == groups}
}

// pack writes w to data, which is zero where no channel is.
func (p *PackedConv) pack(w []float32) {
	taps := p.KH * p.KW
	if p.depthwise {
		for ch := range p.C {
			for t := range taps {
				p.data[(ch/convLanes*taps+t)*convLanes+ch%convLanes] = w[ch*taps+t]
			}
		}
		return
	}
	mg, cg := p.M/p.Groups, p.C/p.Groups
	for g := range p.Groups {
		for o := 0; o < mg; o += convLanes {
			panel := p.data[(g*ConvBlocks(mg)+o/convLanes)*p.panel():][:p.panel()]
			rows, lanes := w[(g*mg+o)*cg*taps:], min(convLanes, mg-o)
			if taps == 1 {
				TransposeF32(panel, rows, lanes, cg, convLanes, cg)
				continue
			}
			for b := range ConvBlocks(cg) {
				for ch := range p.width(b) {
					at := p.weight(b, 0) + ch*convLanes
					TransposeF32(panel[at:], rows[(b*convLanes+ch)*taps:], lanes, taps, p.width(b)*convLanes, cg*taps)
				}
			}
		}
	}
}

// packedLen is the number of packed weights, those of channels that do not exist included.
func (p *PackedConv) packedLen() int {
	if p.depthwise {
		return ConvBlocks(p.C) * p.panel()
	}
	return p.Groups * ConvBlocks(p.M/p.Groups) * p.panel()
}

// ConvPackable reports whether groups groups of c inputs and m outputs in all are whole blocks of the packed-channel layout.
func ConvPackable(m, c, groups int) bool {
	return groups == 1 || m == groups && c == groups || m/groups%convLanes == 0 && c/groups%convLanes == 0
}

// width is the number of channels in input block b of a group.
func (p *PackedConv) width(b int) int { return min(convLanes, p.C/p.Groups-b*convLanes) }

// weight is where the weights of tap t of input block b start in a panel, the weights of one output block.
func (p *PackedConv) weight(b, t int) int {
	if p.pool != notPool {
		return 0
	}
	if p.depthwise {
		return t * convLanes
	}
	return (b*convLanes*p.KH*p.KW + t*p.width(b)) * convLanes
}

// panel is the number of weights of one output block.
func (p *PackedConv) panel() int {
	if p.pool != notPool {
		return 0
	}
	if p.depthwise {
		return p.KH * p.KW * convLanes
	}
	return p.C / p.Groups * p.KH * p.KW * convLanes
}

// parts returns the number of groups as they are computed, and their input and output channels and blocks: a depthwise convolution has a
// group of 16 channels per block.
func (p *PackedConv) parts() (groups, cg, mg, in, out int) {
	groups, cg, mg = p.Groups, p.C/p.Groups, p.M/p.Groups
	if p.depthwise {
		groups, cg, mg = ConvBlocks(p.C), convLanes, convLanes
	}
	return groups, cg, mg, ConvBlocks(cg), ConvBlocks(mg)
}

// segment is the number of input blocks in a chain.
func (p *PackedConv) segment() int {
	perBlock := convLanes * max(p.KH*p.KW, p.taps)
	return (convSegment + perBlock - 1) / perBlock
}
