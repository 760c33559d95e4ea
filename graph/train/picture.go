package train

import (
	"fmt"
	"regexp"
	"strconv"
)

var pixelName = regexp.MustCompile(`^pixel_(\d{1,4})_(\d{1,4})$`)

// picture recognises columns pixel_0_0, pixel_0_1, … that are the rows of an image, and returns its height and width.
func picture(features []feature) (height, width int, ok bool) {
	m := pixelName.FindStringSubmatch(features[len(features)-1].Name)
	if m == nil {
		return 0, 0, false
	}
	r, _ := strconv.Atoi(m[1]) // digits by the pattern
	c, _ := strconv.Atoi(m[2])
	height, width = r+1, c+1
	if height*width != len(features) {
		return 0, 0, false
	}
	for i, f := range features {
		if !f.Numeric() || f.Name != fmt.Sprintf("pixel_%d_%d", i/width, i%width) {
			return 0, 0, false
		}
	}
	return height, width, true
}
