//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkTranspose looks at elements between the rows too: they must stay as they are.
func checkTranspose(c *checker) {
	sizes := []int{0, 1, 7, 8, 9, 16, 23, 64, 65, 72, 130}
	for i, rows := range sizes {
		for j, cols := range sizes {
			ldd, lds := rows+i%3, cols+j%2
			c.name = fmt.Sprintf("%d × %d", rows, cols)
			src, got := buffer[float32](c, "src", max(0, rows*lds-j%2), j%2 == 1), buffer[float32](c, "dst", max(0, cols*ldd-i%3), i%2 == 1)
			c.fillF32(src, 1, true)
			c.fillF32(got, 1, false)
			want := append([]float32(nil), got...)
			for r := range rows {
				for k := range cols {
					want[k*ldd+r] = src[r*lds+k]
				}
			}
			c.run(func() { kernels.TransposeF32(got, src, rows, cols, ldd, lds) })
			testkit.EqualF32(c.t, c.name, got, want)
		}
	}
}
