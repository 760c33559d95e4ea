package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/onnx"
)

// writeFile puts data at path whole or not at all: a temporary file beside it, synced and renamed.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".hotpath-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // after the rename there is nothing left to remove
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeModel writes m as ONNX and returns size and SHA-256 of the file.
func writeModel(path string, m *graph.Model) (size int, digest string, err error) {
	data, err := onnx.Write(m)
	if err != nil {
		return 0, "", err
	}
	return len(data), sha256Hex(data), writeFile(path, data)
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
