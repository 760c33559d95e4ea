//go:build !linux

package main

// smallPages does nothing where pages have one size.
func smallPages(bool) {}
