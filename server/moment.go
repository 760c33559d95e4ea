package server

import "time"

// moment is a point in time as the time since the program began: half as dear to read as a time.Time, and one word.
type moment int64

var began = time.Now()

func now() moment { return moment(time.Since(began)) }

// at is the moment of t.
func at(t time.Time) moment { return moment(t.Sub(began)) }

func (m moment) add(d time.Duration) moment         { return m + moment(d) }
func (m moment) since(earlier moment) time.Duration { return time.Duration(m - earlier) }

// time is the moment on the clock.
func (m moment) time() time.Time { return began.Add(time.Duration(m)) }
