package ops

import (
	"errors"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/picture"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opImageDecoder decodes a file of bytes to [height × width × channels]. Where the definition returns an empty matrix, for what is no
// picture, this is an error of the input: a caller should know.
var opImageDecoder = &Op{
	Name: "image_decoder", Type: "ImageDecoder", Since: 20,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if in[0].DType != tensor.Uint8 || len(in[0].Shape) != 1 {
			return nil, modelErr(n, "input 0 is %s %v, expected bytes", in[0].DType, in[0].Shape)
		}
		f, err := pixelFormat(n)
		if err != nil {
			return nil, err
		}
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		height, width, err := picture.Size(in[0].Const.Bytes)
		if err != nil {
			return nil, pictureErr(n, err)
		}
		channels := 3
		if f == "Grayscale" {
			channels = 1
		}
		return []graph.Arg{{DType: tensor.Uint8, Shape: []int{height, width, channels}}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		f, err := pixelFormat(n)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			dst := out[0].Bytes
			pixels := dst
			if f == "Grayscale" {
				pixels = make([]byte, 3*len(dst))
			}
			if err := picture.Decode(pixels, in[0].Bytes); err != nil {
				return pictureErr(n, err)
			}
			switch f {
			case "BGR":
				for i := 0; i < len(dst); i += 3 {
					dst[i], dst[i+2] = dst[i+2], dst[i]
				}
			case "Grayscale": // ITU-R BT.601 in 16 bits of fraction
				for i := range dst {
					p := pixels[3*i : 3*i+3]
					dst[i] = byte((19595*int(p[0]) + 38470*int(p[1]) + 7471*int(p[2]) + 1<<15) >> 16)
				}
			}
			return nil
		}), err
	},
}

func pictureErr(n *graph.Node, err error) error {
	kind := graph.ErrInput
	if errors.Is(err, picture.ErrSize) {
		kind = graph.ErrLimit
	}
	return fmt.Errorf("%s: input 0: %w: %w", n, err, kind)
}

func pixelFormat(n *graph.Node) (string, error) {
	f, err := n.StringAttr("pixel_format", "RGB")
	if err == nil && f != "RGB" && f != "BGR" && f != "Grayscale" {
		err = modelErr(n, "attribute \"pixel_format\" is %q, expected RGB, BGR or Grayscale", f)
	}
	return f, err
}
