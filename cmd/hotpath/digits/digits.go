// Package digits embeds the model that a server without models serves: handwritten digits, trained by hotpath on the data
// beside it. SOURCE.md tells where the data comes from.
package digits

import _ "embed"

// Model is an ONNX file: input [rows, 64], the pixels 0 (paper) to 16 (ink) of an 8x8 picture row by row; output
// [rows, 10], the probabilities of the digits. It is what this command writes, byte for byte:
//
//	hotpath train --data cmd/hotpath/digits/digits.csv --target label --model mlp:128,64 --out digits.onnx
//
//go:embed digits.onnx
var Model []byte
