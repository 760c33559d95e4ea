package servertest

import (
	"testing"

	"github.com/hotpath/hotpath/server/registry"
)

// NewSigner makes a key for signatures and what trusts it.
func NewSigner(t testing.TB) (*registry.Signer, registry.Trust) {
	t.Helper()
	signer, _, err := registry.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	public, err := signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := registry.ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, registry.Trust{key}
}
