package main

import (
	"fmt"
	"time"

	"github.com/hotpath/hotpath/server/registry"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make an API key and print it, once."`
	List   keysListCmd   `cmd:"" help:"List keys; what is stored of them is a hash."`
	Rotate keysRotateCmd `cmd:"" help:"Give a key a new secret and print it, once; the one before stays valid for a while."`
	Revoke keysRevokeCmd `cmd:"" help:"Remove a key."`
}

type keysCreateCmd struct {
	Name    string    `help:"What or whom the key is for." placeholder:"N"`
	Scope   string    `help:"predict, or admin, which includes it." default:"predict" enum:"predict,admin"`
	Model   []string  `help:"Models that it is for; it sees no others (default: all)." placeholder:"NAME"`
	Expires *longTime `help:"When it ends to be valid, from now, such as 90d or 12h (default: never)." placeholder:"TIME"`

	Rate       perSecond `help:"Most requests per time, such as 100/s, 6000/m or 5000/h." placeholder:"N/s"`
	Burst      int       `help:"Requests at once beyond that (default: what one second allows)." placeholder:"N"`
	Concurrent int       `help:"Most requests at the same time." placeholder:"N"`
	Quota      perDay    `help:"Most requests per day (UTC)." placeholder:"N/day"`
	Priority   *int      `help:"Most urgent place in a queue, 0 to 7, that its requests may ask for (default: 3)." placeholder:"N"`
	storeFlags
}

// Run implements the verb. The key alone goes to stdout, so that a script can take it.
func (c *keysCreateCmd) Run(e *env) error {
	store := openStore(c.Store)
	var expires time.Time
	if c.Expires != nil {
		expires = time.Now().UTC().Add(time.Duration(*c.Expires)).Truncate(time.Second)
	}
	var secret string
	var k registry.Key
	if err := audited(store, "keys create", func() (came []string, err error) {
		secret, k, err = store.AddKey(registry.Key{Name: c.Name, Scope: registry.Scope(c.Scope), Models: c.Model, Expires: expires, Limits: registry.Limits{
			Rate: float64(c.Rate), Burst: c.Burst, Concurrent: c.Concurrent, Quota: int64(c.Quota), Priority: c.Priority}})
		return []string{k.ID, c.Scope}, err
	}); err != nil {
		return err
	}
	return c.print(e, keyWithSecret{secret, k}, func() {
		fmt.Fprintf(e.stderr, "key %s with scope %s; it is not stored and not shown again:\n", k.ID, k.Scope)
		fmt.Fprintln(e.stdout, secret)
	})
}

// keyWithSecret is a key with its secret.
type keyWithSecret struct {
	Secret string `json:"key"`
	registry.Key
}

type keysRotateCmd struct {
	ID    string   `arg:"" help:"Id of the key, as listed."`
	Grace longTime `help:"How long the secret before stays valid, such as 24h or 7d; 0s ends it at once." default:"24h" placeholder:"TIME"`
	storeFlags
}

// Run implements the verb. The key alone goes to stdout, as for create.
func (c *keysRotateCmd) Run(e *env) error {
	store := openStore(c.Store)
	var secret string
	var k registry.Key
	if err := audited(store, "keys rotate", func() (came []string, err error) {
		secret, k, err = store.Rotate(c.ID, time.Duration(c.Grace))
		return nil, err
	}, c.ID); err != nil {
		return err
	}
	return c.print(e, keyWithSecret{secret, k}, func() {
		fmt.Fprintf(e.stderr, "key %s has a new secret, which is not shown again; the one before is valid until %s:\n", k.ID, k.OldUntil.Format(timeFormat))
		fmt.Fprintln(e.stdout, secret)
	})
}

type keysListCmd struct{ storeFlags }

// Run implements the verb.
func (c *keysListCmd) Run(e *env) error {
	store := openStore(c.Store)
	keys, err := store.Keys()
	if err != nil {
		return err
	}
	if keys == nil {
		keys = []registry.Key{}
	}
	return c.print(e, map[string]any{"keys": keys}, func() {
		for _, k := range keys {
			fmt.Fprintf(e.stdout, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Scope, k.Created.Format(timeFormat), k.Name, keyText(k))
		}
	})
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"Id of the key, as listed."`
	storeFlags
}

// Run implements the verb.
func (c *keysRevokeCmd) Run(e *env) error {
	store := openStore(c.Store)
	if err := audited(store, "keys revoke", func() ([]string, error) { return nil, store.Revoke(c.ID) }, c.ID); err != nil {
		return err
	}
	return c.print(e, map[string]any{"revoked": c.ID}, func() { fmt.Fprintf(e.stdout, "revoked %s\n", c.ID) })
}
