package ui_test

import (
	"bytes"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
	"github.com/hotpath/hotpath/server/ui"
)

// TestLabelsAreMovedByKeyboard moves a label with an admin key, lets one move be, and rolls it back, without a mouse; a key without that
// right is offered no button.
func TestLabelsAreMovedByKeyboard(t *testing.T) {
	store := registry.New(t.TempDir())
	for i := range 2 {
		blob, err := store.Stage(bytes.NewReader(servertest.Model(3, float32(i+1))), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Discard()
		if _, err := store.Publish(registry.Publication{Name: "sum", Label: "stable", Model: blob}); err != nil {
			t.Fatal(err)
		}
	}
	keys := map[registry.Scope]string{}
	for _, scope := range []registry.Scope{registry.Predict, registry.Admin} {
		secret, _, err := store.CreateKey(string(scope), scope)
		if err != nil {
			t.Fatal(err)
		}
		keys[scope] = secret
	}
	s := servertest.Start(t, server.Config{Sources: []server.Source{server.Registry{Store: store}}, Keys: store, Policy: server.Policy{All: true},
		APIs: []server.API{predict.API{}, admin.API{Store: store}, ui.Page{}}})
	b := newBrowser(t)
	b.call("Network.enable", nil, nil)
	show := func(scope registry.Scope) {
		b.call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"X-API-Key": keys[scope]}}, nil)
		b.open(s.URL()+"/", 1280, 800, false, "light")
		b.wait("figures of both versions", "document.querySelectorAll('#models tr .memory').length === 2 && [...document.querySelectorAll('#models tr .memory')].every(c => c.textContent)")
	}
	show(registry.Predict)
	if n := eval[int](b, "document.querySelectorAll('.move, .back').length"); n != 0 {
		t.Errorf("%d buttons for a key without the right", n)
	}
	show(registry.Admin)
	b.wait("buttons", "document.querySelectorAll('.move').length === 2 && document.querySelectorAll('.back').length === 1")
	const row1 = "document.querySelector('tr[data-key=\"sum/1\"]')"
	stable := func(version string) string {
		return "(r => r.innerText.includes('serving') && r.innerText.includes('stable'))(document.querySelector('tr[data-key=\"sum/" + version + "\"]'))"
	}
	reach := func(what, is string) {
		t.Helper()
		for range 60 {
			if eval[bool](b, "(e => "+is+")(document.activeElement)") {
				return
			}
			b.press("Tab")
		}
		t.Fatalf("sixty tabs do not reach %s", what)
	}
	reach("the button of version 1", "e.matches('.move') && "+row1+".contains(e)")
	b.press("Enter")
	b.wait("a question", "document.getElementById('ask').open && document.getElementById('ask-label').value === 'stable'")
	b.press("Escape")
	b.wait("no question", "!document.getElementById('ask').open")
	if !eval[bool](b, stable("2")) {
		t.Error("the label moved without a confirmation")
	}
	reach("the button of version 1", "e.matches('.move') && "+row1+".contains(e)")
	b.press("Enter")
	b.wait("a question", "document.getElementById('ask').open")
	b.screenshot("labels")
	reach("the confirmation", "e.id === 'ask-ok'")
	b.press("Enter")
	b.wait("version 1 serves", stable("1"))
	reach("the way back", "e.matches('.back') && "+row1+".contains(e)")
	b.press("Enter")
	b.wait("a question", "document.getElementById('ask').open && document.getElementById('ask-text').textContent.includes('stable')")
	reach("the confirmation", "e.id === 'ask-ok'")
	b.press("Enter")
	b.wait("version 2 serves again", stable("2"))
	reach("version 1", "e.matches('.pick') && "+row1+".contains(e)")
	b.press("Enter")
	b.wait("charts of version 1", "document.getElementById('version-name').textContent === 'sum/1' && "+row1+".querySelector('.pick').getAttribute('aria-pressed') === 'true'")
	if len(b.Logs) > 0 {
		t.Errorf("the page logged %s", b.Logs)
	}
}
