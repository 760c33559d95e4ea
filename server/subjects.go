package server

import (
	linked "container/list" // list is a type here
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// maxSubjects is how many callers with tokens are remembered, some 300 bytes each: those proven last. It is more than
// tokens that are remembered as proven, so that no caller with one of those is ever forgotten.
const maxSubjects = 1 << 16

// subjects is what the callers that tokens name have used of their limits, whichever token of theirs they come with.
type subjects struct {
	mu    sync.Mutex
	most  int
	of    map[[sha256.Size]byte]*linked.Element
	order linked.List // of *subject, the one proven last in front
}

// subject is one of them, known by the hash of its name: a name may be long.
type subject struct {
	hash [sha256.Size]byte
	used allowance
}

func newSubjects(most int) *subjects {
	return &subjects{most: most, of: map[[sha256.Size]byte]*linked.Element{}}
}

// find returns what a caller has used, which begins with nothing.
func (s *subjects) find(name string) *allowance {
	hash := sha256.Sum256([]byte(name))
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.of[hash]; e != nil {
		s.order.MoveToFront(e)
		return &e.Value.(*subject).used
	}
	if s.order.Len() >= s.most {
		last := s.order.Back()
		delete(s.of, last.Value.(*subject).hash)
		s.order.Remove(last)
	}
	sub := &subject{hash: hash}
	s.of[hash] = s.order.PushFront(sub)
	return &sub.used
}

// counted is the callers by the names that their quotas have in the store.
func (s *subjects) counted() map[string]*allowance {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*allowance, s.order.Len())
	for e := s.order.Front(); e != nil; e = e.Next() {
		sub := e.Value.(*subject)
		all["sub:"+hex.EncodeToString(sub.hash[:])] = &sub.used
	}
	return all
}
