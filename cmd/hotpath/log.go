package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// reloadable is a log whose level and format can be changed.
type reloadable struct {
	*slog.Logger
	to      io.Writer
	current *atomic.Pointer[slog.Handler]
}

func newLog(to io.Writer) *reloadable {
	current := &atomic.Pointer[slog.Handler]{}
	return &reloadable{slog.New(&handler{current: current}), to, current}
}

// set puts level and format into force.
func (r *reloadable) set(f *observeFlags) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // one of an enumeration
	o := &slog.HandlerOptions{Level: level}
	h := slog.Handler(slog.NewTextHandler(r.to, o))
	if f.LogFormat == "json" {
		h = slog.NewJSONHandler(r.to, o)
	}
	r.current.Store(&h)
}

// handler hands entries to the handler in force.
type handler struct {
	current *atomic.Pointer[slog.Handler]
	derive  []func(slog.Handler) slog.Handler // attributes and groups of a logger that was made of another
}

func (h *handler) now() slog.Handler {
	to := *h.current.Load()
	for _, with := range h.derive {
		to = with(to)
	}
	return to
}

func (h *handler) with(f func(slog.Handler) slog.Handler) slog.Handler {
	return &handler{h.current, append(h.derive[:len(h.derive):len(h.derive)], f)}
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return (*h.current.Load()).Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error { return h.now().Handle(ctx, r) }

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}
