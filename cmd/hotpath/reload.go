package main

import (
	"context"
	"io"
	"reflect"

	"github.com/alecthomas/kong"

	"github.com/hotpath/hotpath/server"
)

// reload reads the command line, the environment and the configuration file anew, and puts into force what can be changed in a
// running server: the flags with the tag live. All of it is checked first; with an error anywhere nothing changes.
func (v *service) reload(ctx context.Context) {
	log := v.log.Logger
	tell(log, "RELOADING=1"+monotonic())
	defer tell(log, "READY=1")
	var next *serveCmd
	var flags []*kong.Flag
	var kept []string
	var made *tracing // where it is another one
	err := v.server.Reload(ctx, func() (cfg server.Config, err error) {
		if next, flags, err = serveSettings(v.args); err != nil {
			return cfg, err
		}
		kept = keep(flags, v.flags)
		if cfg, err = next.config(v.env, log, v.pool, &v.started); err != nil {
			return cfg, err
		}
		if next.OTLP == v.cmd.OTLP && next.OTLPSample == v.cmd.OTLPSample {
			cfg.Observe = v.tracing.observe
			return cfg, nil
		}
		finish, err := next.observe(&cfg)
		if err == nil {
			made = &tracing{cfg.Observe, finish}
		}
		return cfg, err
	})
	if err != nil {
		if made != nil {
			made.finish()
		}
		log.Error("the settings have an error, those before stay in force", "error", err)
		return
	}
	if made != nil {
		v.tracing.finish()
		v.tracing = *made
	}
	v.log.set(&next.observeFlags)
	v.cmd, v.flags = next, flags
	log.Info("settings read anew", "file", next.file)
	if len(kept) > 0 {
		log.Warn("settings that only a restart or an upgrade in place (SIGUSR2) changes stay as they were", "settings", kept)
	}
}

// serveSettings is what a command line of serve, the environment and the file that they name say now.
func serveSettings(args []string) (*serveCmd, []*kong.Flag, error) {
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		return nil, nil, err
	}
	line, err := parser.Parse(args)
	if err != nil {
		return nil, nil, err
	}
	return &c.Serve, line.Selected().Flags, nil
}

// keep gives the flags that cannot be changed the values of before, and names them. live:"" marks those that can, live:"set" those
// that can be changed but neither begun nor ended.
func keep(flags, before []*kong.Flag) (kept []string) {
	for i, flag := range flags {
		now, was := flag.Target, before[i].Target
		if reflect.DeepEqual(now.Interface(), was.Interface()) || flag.Tag.Has("live") && (flag.Tag.Get("live") == "" || !now.IsZero() && !was.IsZero()) {
			continue
		}
		now.Set(was)
		kept = append(kept, flag.Name)
	}
	return kept
}
