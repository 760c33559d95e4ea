package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/server"
)

// service is a running server and what it takes to change it.
type service struct {
	cmd     *serveCmd    // the settings in force
	flags   []*kong.Flag // of cmd
	args    []string     // command line, without the name of the program
	env     *env
	signals signals
	log     *reloadable
	pool    *kernels.Pool
	started atomic.Bool
	server  *server.Server
	sockets *sockets
	tracing tracing
	over    context.CancelCauseFunc // ends the service
}

// tracing tells of requests as the settings want it.
type tracing struct {
	observe func(*server.Event)
	finish  func()
}

// signals are those that a server reacts to. They are heard before it is there, since each would end the process.
type signals struct {
	stop            context.CancelFunc
	ended           context.Context // by SIGTERM or an interrupt; the next one ends the process at once
	reload, upgrade chan os.Signal
}

func heardSignals() signals {
	s := signals{reload: make(chan os.Signal, 1), upgrade: make(chan os.Signal, 1)}
	signal.Notify(s.reload, syscall.SIGHUP)
	if upgradeSignal != nil {
		signal.Notify(s.upgrade, upgradeSignal)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	s.ended, s.stop = ctx, func() {
		stop()
		signal.Stop(s.reload)
		signal.Stop(s.upgrade)
	}
	context.AfterFunc(ctx, stop)
	return s
}

// run serves until a signal ends it or another process goes on in its place. before is the process whose place this one takes, if any.
func (v *service) run(e *env, before *predecessor) error {
	v.env = e
	if err := noCoreDump(); err != nil {
		v.log.Warn("a crash may leave a core file", "error", err)
	}
	v.pool = kernels.NewPool(v.cmd.threads())
	defer v.pool.Close()
	log := v.log.Logger
	cfg, err := v.cmd.config(e, log, v.pool, &v.started)
	if err != nil {
		return err
	}
	if v.cmd.Audit != "" {
		if cfg.Audit, err = v.cmd.openAudit(log); err != nil {
			return err
		}
		defer cfg.Audit.Close()
	}
	if v.tracing.finish, err = v.cmd.observe(&cfg); err != nil {
		return err
	}
	v.tracing.observe = cfg.Observe
	defer func() { v.tracing.finish() }()
	if v.sockets, err = socketsOf(before); err != nil {
		return err
	}
	cfg.Listen = v.sockets.listen
	if v.server, err = server.New(cfg); err != nil {
		return err
	}
	v.sockets.closeUnused()
	if err := before.replace(v.server); err != nil {
		return err
	}
	v.started.Store(true)
	v.cmd.announce(e, v.server)

	if before == nil { // or the service manager hears of it from the other process, which it still knows as the service
		tell(log, "READY=1") // the sockets are open, and what comes in waits for Serve
	}
	ctx, over := context.WithCancelCause(v.signals.ended)
	v.over = over
	var follower sync.WaitGroup
	defer follower.Wait()
	defer over(nil)
	follower.Go(func() { v.follow(ctx) })
	err = v.server.Serve(ctx)
	if err == nil {
		log.Info("drained")
	}
	return err
}

// follow does what signals ask for, until ctx ends.
func (v *service) follow(ctx context.Context) {
	for {
		select {
		case <-v.signals.reload:
			v.reload(ctx)
		case <-v.signals.upgrade:
			v.upgrade(ctx)
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), server.ErrHandedOver) { // then another process is the service
				tell(v.log.Logger, "STOPPING=1")
			}
			return
		}
	}
}
