// Package build says which build of hotpath this is.
package build

import "runtime/debug"

// version is set by the linker.
var version string

// Version is what the linker was told, else the version at which go install fetched the module, else dev.
func Version() string {
	if version != "" {
		return version
	}
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return bi.Main.Version
	}
	return "dev"
}
