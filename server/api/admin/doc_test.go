package admin

import (
	"regexp"
	"testing"

	"github.com/hotpath/hotpath/server"
)

// TestPolicyPattern: the document says of policies what the server takes, but for versions that are named twice.
func TestPolicyPattern(t *testing.T) {
	pattern := regexp.MustCompile(policyPattern)
	for text, want := range map[string]bool{"latest": true, "latest:1": true, "latest:999999999": true, "latest:0": false, "latest:": false, "latest:-1": false,
		"all": true, "all:1": false, "specific:1": true, "specific:12,3": true, "specific:": false, "specific:0": false, "specific:1,": false, "newest": false, "all\n": false} {
		_, err := server.ParsePolicy(text)
		if got := pattern.MatchString(text); got != want || (err == nil) != want {
			t.Errorf("%q: pattern %v, server %v; expected %v", text, got, err, want)
		}
	}
	if !pattern.MatchString("") {
		t.Error("the server's policy has no form")
	}
}
