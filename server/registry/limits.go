package registry

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Limits bound what the requests of a key may do. Zero values are no limits.
type Limits struct {
	Rate       float64 `json:"rate,omitempty"`       // requests per second, in the long run
	Burst      int     `json:"burst,omitempty"`      // requests at once beyond the rate; what one second allows if 0
	Concurrent int     `json:"concurrent,omitempty"` // requests that wait or run at the same time
	Quota      int64   `json:"quota,omitempty"`      // requests per day, which begins at midnight UTC
	// Priority is the most urgent place in a queue that the key's requests may ask for, 0 to 7, as in the Priority header;
	// without it that is 3, which is also what requests have that ask for nothing.
	Priority *int `json:"priority,omitempty"`
}

// maxRate keeps the time between two requests at a nanosecond or more.
const maxRate = 1e9

// Check reports whether the limits make sense. Errors wrap ErrName.
func (l Limits) Check() error {
	switch {
	case !(l.Rate >= 0 && l.Rate <= maxRate), l.Burst < 0, l.Concurrent < 0, l.Quota < 0:
		return fmt.Errorf("limits %+v: expected numbers of 0 or more: %w", l, ErrName)
	case l.Burst > 0 && l.Rate == 0:
		return fmt.Errorf("burst of %d without a rate: %w", l.Burst, ErrName)
	case l.Priority != nil && (*l.Priority < 0 || *l.Priority > 7):
		return fmt.Errorf("priority %d: expected 0 to 7: %w", *l.Priority, ErrName)
	}
	return nil
}

// bucketUsage holds what keys with a quota have used, by id.
var bucketUsage = []byte("usage")

// usage is the requests of one day.
type usage struct {
	Day   int64 `json:"day"` // since 1970-01-01 UTC
	Count int64 `json:"count"`
}

// keyUsageDay is the day that the records are of; no id is like it.
var keyUsageDay = []byte("\x00day")

// forgetUsage removes what was used on earlier days, once a day: callers come and go.
func forgetUsage(b *bbolt.Bucket, day int64) error {
	var last usage
	if data := b.Get(keyUsageDay); data != nil {
		_ = json.Unmarshal(data, &last) // else it is long ago
	}
	if last.Day >= day {
		return nil
	}
	var gone [][]byte
	_ = b.ForEach(func(id, data []byte) error { // which fails only if this does
		var u usage
		if json.Unmarshal(data, &u) == nil && u.Day < day {
			gone = append(gone, bytes.Clone(id))
		}
		return nil
	})
	for _, id := range gone {
		if err := b.Delete(id); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
	}
	return putJSON(b, keyUsageDay, usage{Day: day})
}

// AddUsage adds requests made on a day to what is kept of keys by id, and returns the sums of that day, in which other
// processes have their share. A later day begins from zero; requests of an earlier one are dropped.
func (s *Store) AddUsage(day int64, requests map[string]int64) (sums map[string]int64, err error) {
	sums = map[string]int64{}
	err = s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketUsage)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		for id, n := range requests {
			var u usage
			if data := b.Get([]byte(id)); data != nil {
				if err := json.Unmarshal(data, &u); err != nil {
					return fmt.Errorf("usage of key %s: %w: %w", id, err, ErrCorrupt)
				}
			}
			if u.Day < day {
				u = usage{Day: day}
			}
			if u.Day == day {
				u.Count += n
				sums[id] = u.Count
			}
			if n == 0 {
				continue
			}
			if err := putJSON(b, []byte(id), u); err != nil {
				return err
			}
		}
		return forgetUsage(b, day)
	}, nil)
	return sums, err
}
