//go:build !linux

package server

import "net"

// gone reports whether the peer of a connection has closed it, which only Linux tells without reading.
func gone(net.Conn) bool { return false }
