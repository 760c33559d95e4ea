package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"filippo.io/age"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// modelStore is where models are kept: a registry in a directory here, or that of a server.
type modelStore interface {
	List() ([]registry.Model, error)
	Show(name string) (registry.Model, error)
	Label(name, label string, version int64) error
	Rollback(name, label string) (version int64, err error)
	Delete(name string, version int64) error
	SetAlias(alias, model string) error
	DeleteAlias(alias string) error
	SetPolicy(name, policy string) error
	SetSplit(name string, weights map[string]int) error
	Prune() (removed []string, err error)
	publish(v *packed) (registry.Version, error)
}

// packed is a version that is ready to be published. Nothing of it is encrypted yet.
type packed struct {
	name, label string
	model       []byte
	warmup      [][]byte
	notes       map[string]string
	signer      *registry.Signer
	recipients  []age.Recipient
}

// open opens what the flags name.
func (f *modelFlags) open() (modelStore, error) {
	if f.Server == "" {
		if f.KeyFile != "" || f.CACert != "" {
			return nil, fmt.Errorf("--key-file and --cacert: expected with --server: %w", errUsage)
		}
		return localStore{openStore(f.Store)}, nil
	}
	if f.Store != "" {
		return nil, fmt.Errorf("--store and --server: expected one of them: %w", errUsage)
	}
	return f.dial()
}

// localStore is a registry whose changes are written into its audit log, if it has one.
type localStore struct{ *registry.Store }

// auditFile is the audit log in the directory of a registry: a file, or a link to one, which serve --audit makes.
const auditFile = "audit.log"

// audited makes a change of a registry. Where that has an audit log a line of it says so; where the log cannot be written,
// nothing is changed. do returns what is to be told beside the target.
func audited(s *registry.Store, action string, do func() (came []string, err error), target ...string) error {
	path := filepath.Join(s.Dir(), auditFile)
	if _, err := os.Lstat(path); os.IsNotExist(err) {
		_, err := do()
		return err
	}
	log, err := server.OpenAudit(path)
	if err != nil {
		return err
	}
	defer log.Close()
	came, err := do()
	target = slices.DeleteFunc(append(target, came...), func(s string) bool { return s == "" || s == "0" })
	if logErr := log.Command(operator(), action, target, err); logErr != nil && err == nil {
		return fmt.Errorf("%s: it is done, and not written down: %w", action, logErr)
	}
	return err
}

// operator is the user of the system who gives the command.
func operator() string {
	id := strconv.Itoa(os.Getuid())
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// openAudit opens the audit log, and makes it that of the store that is served.
func (c *serveCmd) openAudit(log *slog.Logger) (*server.Audit, error) {
	a, err := server.OpenAudit(c.Audit)
	if err != nil {
		return nil, err
	}
	if c.Models == "" || c.Store != "" {
		if err := linkAudit(openStore(c.Store), c.Audit); err != nil {
			log.Warn("commands on the store do not go to the audit log", "error", err)
		}
	}
	return a, nil
}

// linkAudit makes an audit log that of a registry too, unless it has one.
func linkAudit(s *registry.Store, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir(), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(file, filepath.Join(s.Dir(), auditFile)); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

func nothing(err error) ([]string, error) { return nil, err }

// digest is that of a version, for the log.
func (l localStore) digest(name string, version int64) string {
	m, _ := l.Show(name) // an error is that of the change too
	return m.Digest(version)
}

// Label and the others are those of the registry.
func (l localStore) Label(name, label string, version int64) error {
	return audited(l.Store, "models label", func() ([]string, error) {
		return []string{l.digest(name, version)}, l.Store.Label(name, label, version)
	}, name, label, fmt.Sprint(version))
}

func (l localStore) Rollback(name, label string) (version int64, err error) {
	err = audited(l.Store, "models rollback", func() ([]string, error) {
		version, err = l.Store.Rollback(name, label)
		return []string{fmt.Sprint(version), l.digest(name, version)}, err
	}, name, label)
	return version, err
}

func (l localStore) Delete(name string, version int64) error {
	what := fmt.Sprint(version)
	if version == 0 {
		what = "all"
	}
	return audited(l.Store, "models delete", func() ([]string, error) {
		return []string{l.digest(name, version)}, l.Store.Delete(name, version)
	}, name, what)
}

func (l localStore) SetAlias(alias, model string) error {
	return audited(l.Store, "models alias", func() ([]string, error) { return nothing(l.Store.SetAlias(alias, model)) }, alias, model)
}

func (l localStore) DeleteAlias(alias string) error {
	return audited(l.Store, "models alias --delete", func() ([]string, error) { return nothing(l.Store.DeleteAlias(alias)) }, alias)
}

func (l localStore) SetPolicy(name, policy string) error {
	return audited(l.Store, "models policy", func() ([]string, error) { return nothing(l.Store.SetPolicy(name, policy)) }, name, policy)
}

func (l localStore) SetSplit(name string, weights map[string]int) error {
	return audited(l.Store, "models split", func() ([]string, error) { return nothing(l.Store.SetSplit(name, weights)) }, name, fmt.Sprint(weights))
}

func (l localStore) Prune() (removed []string, err error) {
	err = audited(l.Store, "models prune", func() ([]string, error) {
		removed, err = l.Store.Prune()
		return removed, err
	})
	return removed, err
}

func (l localStore) publish(p *packed) (v registry.Version, err error) {
	err = audited(l.Store, "models publish", func() ([]string, error) {
		v, err = l.stage(p)
		return []string{fmt.Sprint(v.Number), v.Digest}, err
	}, p.name)
	return v, err
}

// stage encrypts, stages and publishes.
func (l localStore) stage(p *packed) (v registry.Version, err error) {
	pub := registry.Publication{Name: p.name, Label: p.label, Provenance: p.notes, Signer: p.signer}
	for i, data := range append([][]byte{p.model}, p.warmup...) {
		b, err := l.Stage(bytes.NewReader(data), int64(len(data)), p.recipients...)
		if err != nil {
			return v, err
		}
		defer b.Discard()
		if i == 0 {
			pub.Model = b
		} else {
			pub.Warmup = append(pub.Warmup, b)
		}
	}
	return l.Publish(pub)
}
