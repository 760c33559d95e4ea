//go:build !linux

package plan

import (
	"errors"
	"io/fs"
	"os"
)

// Only on Linux it is known who owns a file and what tells that it has changed.
func private(fs.FileInfo) error                      { return errors.ErrUnsupported }
func identify(string, fs.FileInfo) (identity, error) { return identity{}, errors.ErrUnsupported }
func mapFile(*os.File, int) ([]byte, error)          { return nil, errors.ErrUnsupported }
func unmap([]byte)                                   {}
func programDigest() (string, error)                 { return "", errors.ErrUnsupported }
