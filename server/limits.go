package server

import (
	"fmt"
	"maps"
	"math"
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

// allowance is what the requests of a key have used of its limits. It outlives changes of them.
type allowance struct {
	next    atomic.Int64 // moment at which a request would be on time at the constant rate
	running atomic.Int64
	day     atomic.Int64 // that known and unsaved are of, since 1970 UTC
	known   atomic.Int64 // requests of the day that the store has, those of other processes too
	unsaved atomic.Int64 // the others
	synced  int64        // day when known was last learned; only for save
}

// enter counts a request of i that arrived at a moment, or refuses it and says which limit it is beyond. Errors wrap
// ErrQuota. leave must follow where there is none.
func (i *Identity) enter(arrived moment) error {
	if i == nil {
		return nil
	}
	if l, n := int64(i.limits.Concurrent), i.used.running.Add(1); l > 0 && n > l {
		i.used.running.Add(-1)
		return FailFor(errConcurrent, 0, "the %s may have %d requests at once", i.what(), l)
	}
	err := i.onTime(arrived)
	if err == nil && i.limits.Quota > 0 {
		err = i.withinQuota(time.Now())
	}
	if err != nil {
		i.used.running.Add(-1)
	}
	return err
}

func (i *Identity) leave() {
	if i != nil {
		i.used.running.Add(-1)
	}
}

// onTime is the generic cell rate algorithm (ITU-T I.371): a request moves the time at which the next one would be due
// at the constant rate, and is refused while that is further ahead than a burst.
func (i *Identity) onTime(arrived moment) error {
	if i.limits.Rate == 0 {
		return nil
	}
	for {
		was := i.used.next.Load()
		next := max(was, int64(arrived)) + i.interval
		if early := next - int64(arrived) - i.burst; early > 0 {
			return FailFor(errRate, time.Duration(early), "the %s may send %v requests per second, and %d at once", i.what(), i.limits.Rate,
				i.burst/i.interval)
		}
		if i.used.next.CompareAndSwap(was, next) {
			return nil
		}
	}
}

// withinQuota counts a request of the day.
func (i *Identity) withinQuota(t time.Time) error {
	day := dayOf(t)
	if was := i.used.day.Load(); was < day && i.used.day.CompareAndSwap(was, day) {
		i.used.known.Store(0)
		i.used.unsaved.Store(0)
	}
	if i.used.unsaved.Add(1)+i.used.known.Load() > i.limits.Quota {
		i.used.unsaved.Add(-1)
		return FailFor(errDay, time.Unix((day+1)*secondsPerDay, 0).Sub(t), "the %s may send %d requests per day (UTC), and has",
			i.what(), i.limits.Quota)
	}
	return nil
}

const secondsPerDay = 24 * 60 * 60

func dayOf(t time.Time) int64 { return t.Unix() / secondsPerDay }

// setLimits derives what onTime needs.
func (i *Identity) setLimits(l registry.Limits) {
	i.limits = l
	if l.Rate > 0 {
		i.interval = max(1, int64(float64(time.Second)/l.Rate))
		burst := l.Burst
		if burst == 0 {
			burst = int(math.Ceil(l.Rate))
		}
		i.burst = int64(burst) * i.interval
	}
}

// what is what the limits of i are of.
func (i *Identity) what() string {
	if i.token {
		return "caller that the token names"
	}
	return "API key"
}

// mostUrgent is the most urgent place that calls of i may have.
func (i *Identity) mostUrgent() uint8 {
	switch {
	case i == nil:
		return 0
	case i.limits.Priority == nil:
		return normalUrgency
	}
	return uint8(*i.limits.Priority)
}

// saveEvery is the time between two writes of quotas to the store, and what is lost of them when the process is killed.
const saveEvery = 10 * time.Second

// counted is the keys with quotas by id.
func (k *keyring) counted() map[string]*allowance {
	all := map[string]*allowance{}
	for _, i := range k.all() {
		if i.limits.Quota > 0 {
			all[i.ID] = i.used
		}
	}
	return all
}

// saveUsage writes the requests that count towards quotas and learns of those that other processes have answered. One
// goroutine at a time calls it.
func saveUsage(store *registry.Store, counted map[string]*allowance) error {
	day := dayOf(time.Now())
	requests := map[string]int64{}
	for id, used := range counted {
		n := int64(0)
		if used.day.Load() == day {
			n = used.unsaved.Load()
		}
		if n > 0 || used.synced < day {
			requests[id] = n
		}
	}
	if store == nil || len(requests) == 0 {
		return nil
	}
	sums, err := store.AddUsage(day, requests)
	if err != nil {
		return fmt.Errorf("requests that count towards quotas: %w", err)
	}
	for id, used := range counted {
		if sum, ok := sums[id]; ok {
			used.day.CompareAndSwap(0, day)
			used.unsaved.Add(-requests[id])
			used.known.Store(sum)
			used.synced = day
		}
	}
	return nil
}

func (s *Server) saveUsage() {
	counted := s.keys.counted()
	if s.tokens != nil && s.tokens.Limits.Quota > 0 {
		maps.Copy(counted, s.tokens.callers.counted())
	}
	if err := saveUsage(s.cfg.Keys, counted); err != nil {
		s.cfg.Log.Error("quotas are not kept", "error", err)
	}
}
