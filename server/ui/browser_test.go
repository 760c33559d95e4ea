package ui_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
)

// browser is a headless Chromium driven over its debugging pipe: JSON messages that end in NUL, commands on descriptor 3
// and answers on 4. That needs no library and no WebSocket.
type browser struct {
	t       testing.TB
	out     *os.File
	in      *bufio.Reader
	next    atomic.Int64
	session string
	Logs    []string // errors that the page logged
	Asked   []string // addresses that it asked for, once Network is enabled
}

// message is an answer or an event.
type message struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newBrowser starts Chromium, or skips the test where there is none; HOTPATH_REQUIRE=1 makes that a failure.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("HOTPATH_REQUIRE") == "1" {
			t.Fatal("no chromium on this machine (apt-get install chromium)")
		}
		t.Skip("no chromium on this machine")
	}
	fromUs, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromBrowser, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	t.Cleanup(func() {
		toBrowser.Close() // the browser ends with its pipe
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		fromBrowser.Close()
		_ = os.RemoveAll(profile)
	})
	b := &browser{t: t, out: toBrowser, in: bufio.NewReader(fromBrowser)}
	_ = fromBrowser.SetReadDeadline(time.Now().Add(4 * time.Minute))
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	b.call("Page.enable", nil, nil)
	b.call("Runtime.enable", nil, nil)
	b.call("Log.enable", nil, nil)
	return b
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	id := b.next.Add(1)
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.out.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		text, err := b.in.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var got message
		if err := json.Unmarshal(text[:len(text)-1], &got); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case got.Method == "Runtime.exceptionThrown" || got.Method == "Log.entryAdded":
			b.Logs = append(b.Logs, string(got.Params))
		case got.Method == "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			if err := json.Unmarshal(got.Params, &sent); err != nil {
				b.t.Fatal(err)
			}
			b.Asked = append(b.Asked, sent.Request.URL)
		case got.ID == id && got.Error != nil:
			b.t.Fatalf("%s: %s", method, got.Error.Message)
		case got.ID == id:
			if result != nil {
				if err := json.Unmarshal(got.Result, result); err != nil {
					b.t.Fatal(err)
				}
			}
			return
		}
	}
}

// open sets the size and scheme of the window and loads a page.
func (b *browser) open(url string, width, height int, phone bool, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	if phone {
		b.call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": true, "maxTouchPoints": 1}, nil)
	}
	b.call("Page.navigate", map[string]any{"url": url}, nil)
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) (v T) {
	b.t.Helper()
	var r struct {
		Result struct {
			Value T `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s", expression, r.Exception)
	}
	return r.Result.Value
}

// wait polls a JavaScript condition.
func (b *browser) wait(what, condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !eval[bool](b, condition); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("not within 30 s: %s; the page says %q", what, eval[string](b, "document.body.innerText"))
		}
	}
}

// press presses a key: Tab, Enter, Escape or a character.
func (b *browser) press(key string) {
	b.t.Helper()
	down := map[string]any{"type": "keyDown", "key": key, "code": key}
	switch key {
	case "Tab":
		down["windowsVirtualKeyCode"] = 9
	case "Enter":
		down["windowsVirtualKeyCode"], down["text"] = 13, "\r"
	case "Escape":
		down["windowsVirtualKeyCode"] = 27
	default:
		down["text"] = key
	}
	b.call("Input.dispatchKeyEvent", down, nil)
	delete(down, "text")
	down["type"] = "keyUp"
	b.call("Input.dispatchKeyEvent", down, nil)
}

// choose chooses a model.
func (b *browser) choose(model string) {
	b.t.Helper()
	b.wait("model "+model+" is there", fmt.Sprintf("document.readyState === 'complete' && [...document.getElementById('model').options].some((o) => o.value === %q)", model))
	b.set("model", "change", model)
}

// set sets the value of a field and fires an event.
func (b *browser) set(id, event, value string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(e => { e.value = %q; e.dispatchEvent(new Event(%q)); return true })(document.getElementById(%q))", value, event, id))
}

// upload gives a file input a picture that code draws on a canvas of 160×160, c with the context g.
func (b *browser) upload(id, code string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => {
		const c = document.createElement("canvas"), g = c.getContext("2d");
		c.width = c.height = 160;
		%s;
		c.toBlob((blob) => {
			const files = new DataTransfer();
			files.items.add(new File([blob], "picture.png", { type: "image/png" }));
			const input = document.getElementById(%q);
			input.files = files.files;
			input.dispatchEvent(new Event("change"));
		});
		return true;
	})()`, code, id))
}

// stroke draws a line through points of an element, given as parts of its size, by mouse or finger.
func (b *browser) stroke(id string, touch bool, points [][2]float64) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("document.getElementById(%q).scrollIntoView({block: 'center'}), true", id))
	box := eval[[]float64](b, fmt.Sprintf("(r => [r.left, r.top, r.width, r.height])(document.getElementById(%q).getBoundingClientRect())", id))
	for i, p := range points {
		x, y := box[0]+p[0]*box[2], box[1]+p[1]*box[3]
		if touch {
			kind := "touchMove"
			if i == 0 {
				kind = "touchStart"
			}
			b.call("Input.dispatchTouchEvent", map[string]any{"type": kind, "touchPoints": []map[string]float64{{"x": x, "y": y}}}, nil)
			continue
		}
		kind := "mouseMoved"
		if i == 0 {
			kind = "mousePressed"
		}
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}, nil)
	}
	if touch {
		b.call("Input.dispatchTouchEvent", map[string]any{"type": "touchEnd", "touchPoints": []any{}}, nil)
		return
	}
	last := points[len(points)-1]
	b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseReleased", "x": box[0] + last[0]*box[2], "y": box[1] + last[1]*box[3], "button": "left", "clickCount": 1}, nil)
}

// screenshot writes a PNG of the whole page to a directory named by HOTPATH_SCREENSHOTS, if it is set.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("HOTPATH_SCREENSHOTS")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
