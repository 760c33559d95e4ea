package interp

import (
	"encoding/binary"

	"github.com/hotpath/hotpath/kernels"
)

// tiles is the state of AMX: eight registers of up to 16 rows of up to 64 bytes.
type tiles struct {
	configured bool
	rows       [8]int
	bytes      [8]int // of a row
	data       [8][16][64]byte
}

func init() {
	handlers["LDTILECFG"] = func(m *machine, in *inst) {
		c := m.bytes(&in.args[0], 0, 64, false)
		if c[0] != 1 || c[1] != 0 {
			fail("palette %d, first row %d", c[0], c[1])
		}
		m.tiles = tiles{configured: true}
		for i := range 8 {
			m.tiles.bytes[i], m.tiles.rows[i] = int(binary.LittleEndian.Uint16(c[16+2*i:])), int(c[48+i])
			if m.tiles.bytes[i] > 64 || m.tiles.rows[i] > 16 {
				fail("tile %d has %d rows of %d bytes", i, m.tiles.rows[i], m.tiles.bytes[i])
			}
		}
	}
	handlers["TILERELEASE"] = func(m *machine, _ *inst) { m.tiles = tiles{} }
	handlers["TILEZERO"] = func(m *machine, in *inst) { m.tiles.data[m.tile(&in.args[0])] = [16][64]byte{} }
	handlers["TILELOADD"] = func(m *machine, in *inst) {
		t := m.tile(&in.args[1])
		m.tiles.data[t] = [16][64]byte{}
		for r := range m.tiles.rows[t] {
			copy(m.tiles.data[t][r][:], m.tileRow(&in.args[0], t, r, false))
		}
	}
	handlers["TILESTORED"] = func(m *machine, in *inst) {
		t := m.tile(&in.args[0])
		for r := range m.tiles.rows[t] {
			copy(m.tileRow(&in.args[1], t, r, true), m.tiles.data[t][r][:])
		}
	}
	tileProduct("TDPBUSD", func(sum uint32, a, b []uint32) uint32 {
		for k := range a {
			for i := 0; i < 32; i += 8 {
				sum += uint32(int32(uint8(a[k]>>i)) * int32(int8(b[k]>>i)))
			}
		}
		return sum
	})
	// Two chains from zero, over the lower and the upper halves; their sum is added.
	tileProduct("TDPBF16PS", func(sum uint32, a, b []uint32) uint32 {
		var low, high float32
		for k := range a {
			low = flush(kernels.FMAF32(flush(f32(a[k]<<16)), flush(f32(b[k]<<16)), low))
			high = flush(kernels.FMAF32(flush(f32(a[k]&0xffff0000)), flush(f32(b[k]&0xffff0000)), high))
		}
		return u32(flush(flush(f32(sum)) + flush(low+high)))
	})
}

// tileProduct registers a product: f adds to an element of C the products of a row of A and a column of B, four bytes a step.
func tileProduct(name string, f func(sum uint32, a, b []uint32) uint32) {
	handlers[name] = func(m *machine, in *inst) {
		b, a, c := m.tile(&in.args[0]), m.tile(&in.args[1]), m.tile(&in.args[2])
		t := &m.tiles
		if a == b || a == c || b == c || t.bytes[a] != 4*t.rows[b] || t.rows[a] != t.rows[c] || t.bytes[b] != t.bytes[c] {
			fail("tiles do not multiply")
		}
		row, column := make([]uint32, t.rows[b]), make([]uint32, t.rows[b])
		for n := 0; n < t.bytes[c]; n += 4 {
			for k := range column {
				column[k] = binary.LittleEndian.Uint32(t.data[b][k][n:])
			}
			for r := range t.rows[c] {
				for k := range row {
					row[k] = binary.LittleEndian.Uint32(t.data[a][r][4*k:])
				}
				sum := t.data[c][r][n:]
				binary.LittleEndian.PutUint32(sum, f(binary.LittleEndian.Uint32(sum), row, column))
			}
		}
	}
}

// tile returns the number of a configured tile register.
func (m *machine) tile(o *operand) int {
	if o.kind != isTile || !m.tiles.configured || m.tiles.rows[o.index] == 0 {
		fail("not a configured tile")
	}
	return o.index
}

// tileRow returns row r of tile t in memory: rows lie the index register apart, which an address counts once.
func (m *machine) tileRow(o *operand, t, r int, write bool) []byte {
	if o.scale != 1 {
		fail("rows of a tile without a distance")
	}
	return m.bytes(o, (r-1)*int(m.gp[o.scaled]), m.tiles.bytes[t], write)
}
