package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// Settings is what is set for a model beside its versions.
type Settings struct {
	Policy string         `json:"policy,omitempty"` // which versions are kept ready; "": as the server says
	Split  map[string]int `json:"split,omitempty"`  // weights of labels among the requests that name no version
}

// MaxWeight bounds the weights of a split.
const MaxWeight = 1 << 20

// SetPolicy says which versions of a model are kept ready; "" leaves it to the server. The caller has checked the text.
func (s *Store) SetPolicy(name, policy string) error {
	return s.set(name, func(_ *bbolt.Bucket, to *Settings) error {
		to.Policy = policy
		return nil
	})
}

// CheckSplit proves that weights of labels divide requests. Errors wrap ErrWeight.
func CheckSplit(weights map[string]int) error {
	total := 0
	for _, label := range slices.Sorted(maps.Keys(weights)) {
		w := weights[label]
		if w < 0 || w > MaxWeight {
			return fmt.Errorf("split: label %s has the weight %d, expected 0 to %d: %w", label, w, MaxWeight, ErrWeight)
		}
		total += w
	}
	if len(weights) > 0 && total == 0 {
		return fmt.Errorf("split: all weights are 0: %w", ErrWeight)
	}
	return nil
}

// SetSplit divides the requests that name no version between labels of a model; nil ends that. Errors wrap ErrWeight,
// or ErrNotFound for a label that does not exist.
func (s *Store) SetSplit(name string, weights map[string]int) error {
	if err := CheckSplit(weights); err != nil {
		return err
	}
	return s.set(name, func(model *bbolt.Bucket, to *Settings) error {
		for _, label := range slices.Sorted(maps.Keys(weights)) {
			if _, err := readLabel(model, label); err != nil {
				return fmt.Errorf("model %q: %w", name, err)
			}
		}
		to.Split = weights
		return nil
	})
}

// set changes the settings of a model.
func (s *Store) set(name string, change func(model *bbolt.Bucket, to *Settings) error) error {
	return s.update(func(tx *bbolt.Tx) error {
		model, err := modelBucket(tx, name)
		if err != nil {
			return err
		}
		var set Settings
		if data := model.Get(keySettings); data != nil {
			if err := json.Unmarshal(data, &set); err != nil {
				return fmt.Errorf("model %q: settings: %w: %w", name, err, ErrCorrupt)
			}
		}
		if err := change(model, &set); err != nil {
			return err
		}
		return putJSON(model, keySettings, set)
	}, nil)
}

// SetAlias makes alias another name of a model, or moves it there from the one it named before, at once for everyone.
func (s *Store) SetAlias(alias, model string) error {
	if err := CheckName(alias); err != nil {
		return fmt.Errorf("alias %w", err)
	}
	return s.update(func(tx *bbolt.Tx) error {
		aliases := tx.Bucket(bucketAliases)
		switch {
		case tx.Bucket(bucketModels).Bucket([]byte(alias)) != nil:
			return fmt.Errorf("alias %q: there is a model with this name: %w", alias, ErrInUse)
		case aliases.Get([]byte(model)) != nil:
			return fmt.Errorf("model %q: expected a model, found an alias: %w", model, ErrNotFound)
		}
		if _, err := modelBucket(tx, model); err != nil {
			return err
		}
		if err := aliases.Put([]byte(alias), []byte(model)); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		return nil
	}, nil)
}

// DeleteAlias removes an alias. Errors wrap ErrNotFound.
func (s *Store) DeleteAlias(alias string) error {
	return s.update(func(tx *bbolt.Tx) error {
		aliases := tx.Bucket(bucketAliases)
		if aliases.Get([]byte(alias)) == nil {
			return fmt.Errorf("alias %q: %w", alias, ErrNotFound)
		}
		if err := aliases.Delete([]byte(alias)); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		return nil
	}, nil)
}

// aliasesOf lists the other names of a model. A registry of an earlier hotpath has none.
func aliasesOf(tx *bbolt.Tx, model string) (names []string) {
	if aliases := tx.Bucket(bucketAliases); aliases != nil {
		_ = aliases.ForEach(func(alias, to []byte) error { // which fails only if this does
			if bytes.Equal(to, []byte(model)) {
				names = append(names, string(alias))
			}
			return nil
		})
	}
	return names
}
