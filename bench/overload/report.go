package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/hotpath/hotpath/bench/load"
)

// turn is what one turn gave.
type turn struct {
	*load.Report
	client, server float64 // cores that they used
}

// rate is the answers in time per second.
func (t turn) rate() float64 { return float64(t.Good.Count()) / t.Elapsed.Seconds() }

// offered is the requests per second that were sent or would have been.
func (t turn) offered() float64 {
	return float64(t.Good.Count()+t.Refused.Count()+t.Late.Count()+t.Unsent) / t.Elapsed.Seconds()
}

// round is a turn of overload between two of peak.
type round struct {
	factor              float64
	before, after, over turn
	health              time.Duration // p99 of health checks meanwhile
}

// goodput is the share of the peak that is done under overload.
func (r *round) goodput() float64 { return 2 * r.over.rate() / (r.before.rate() + r.after.rate()) }

// ofRest is that share where the cores that the client took from the server beyond what it takes at peak are left out.
func (r *round) ofRest() float64 {
	cores := float64(runtime.NumCPU())
	atPeak := (r.before.client + r.after.client) / 2
	return r.goodput() * (cores - atPeak) / (cores - r.over.client)
}

// figure is documented by its keys.
type figure struct {
	Peak         float64   `json:"peak_per_second"`
	Offered      float64   `json:"offered_per_second"`
	Good         float64   `json:"good_per_second"` // answers in time
	Goodput      float64   `json:"goodput"`         // of the peak
	Goodputs     []float64 `json:"goodput_of_rounds"`
	OfRest       float64   `json:"goodput_of_rest"`
	Refused      int64     `json:"refused"`
	Late         int64     `json:"late"`
	Unsent       int64     `json:"unsent"` // no connection was free in half of the deadline
	GoodP50      float64   `json:"good_p50_ms"`
	GoodP99      float64   `json:"good_p99_ms"`
	RefusedP50   float64   `json:"refused_p50_ms"`
	RefusedP99   float64   `json:"refused_p99_ms"`
	HealthP99    float64   `json:"health_p99_ms"`
	ClientAtPeak float64   `json:"used_by_client_at_peak"` // cores
	Client       float64   `json:"used_by_client"`
	Server       float64   `json:"used_by_server"`
	ServerAtPeak float64   `json:"used_by_server_at_peak"`
}

// report sums up the rounds of one factor, and says which promise they break.
func report(factor float64, rounds []round) (figure, error) {
	median := func(of func(r *round) float64) float64 {
		var all []float64
		for i := range rounds {
			all = append(all, of(&rounds[i]))
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	ms := func(of func(r *round) time.Duration) float64 {
		return median(func(r *round) float64 { return float64(of(r)) / 1e6 })
	}
	f := figure{
		Peak:         median(func(r *round) float64 { return (r.before.rate() + r.after.rate()) / 2 }),
		Offered:      median(func(r *round) float64 { return r.over.offered() }),
		Good:         median(func(r *round) float64 { return r.over.rate() }),
		Goodput:      median((*round).goodput),
		OfRest:       median((*round).ofRest),
		GoodP50:      ms(func(r *round) time.Duration { return r.over.Good.Quantile(0.5) }),
		GoodP99:      ms(func(r *round) time.Duration { return r.over.Good.Quantile(0.99) }),
		RefusedP50:   ms(func(r *round) time.Duration { return r.over.Refused.Quantile(0.5) }),
		RefusedP99:   ms(func(r *round) time.Duration { return r.over.Refused.Quantile(0.99) }),
		HealthP99:    ms(func(r *round) time.Duration { return r.health }),
		ClientAtPeak: median(func(r *round) float64 { return (r.before.client + r.after.client) / 2 }),
		Client:       median(func(r *round) float64 { return r.over.client }),
		Server:       median(func(r *round) float64 { return r.over.server }),
		ServerAtPeak: median(func(r *round) float64 { return (r.before.server + r.after.server) / 2 }),
	}
	for i := range rounds {
		r := &rounds[i]
		f.Goodputs = append(f.Goodputs, r.goodput())
		f.Refused, f.Late, f.Unsent = f.Refused+r.over.Refused.Count(), f.Late+r.over.Late.Count(), f.Unsent+r.over.Unsent
	}
	var broken []error
	if least := promised[factor]; f.Goodput < least {
		broken = append(broken, fmt.Errorf("%v times the load: goodput %.3f of the peak, expected %v", factor, f.Goodput, least))
	}
	if most := float64(maxRefusal) / 1e6; f.RefusedP99 > most {
		broken = append(broken, fmt.Errorf("%v times the load: refusals take %.1f ms (p99), expected at most %v", factor, f.RefusedP99, most))
	}
	if most := float64(maxHealth) / 1e6; f.HealthP99 > most {
		broken = append(broken, fmt.Errorf("%v times the load: health checks take %.1f ms (p99), expected at most %v", factor, f.HealthP99, most))
	}
	return f, errors.Join(broken...)
}
