package main

import (
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// perModel is the key in the configuration file that holds settings of single models by name.
const perModel = "models"

// modelSettings is the table of what can be set for one model. What is left out is as for all. All of it takes effect when the
// file is read anew.
type modelSettings struct {
	VersionPolicy server.Policy    `yaml:"version-policy,omitempty" help:"Versions kept ready; hotpath models policy counts more." placeholder:"latest:2"`
	Labels        map[string]int64 `yaml:"labels,omitempty" help:"Versions by label, beside those of hotpath models label." placeholder:"{stable: 3, canary: 4}"`
	Split         map[string]int   `yaml:"split,omitempty" help:"Weights of labels among requests that name no version; hotpath models split counts more." placeholder:"{stable: 90, canary: 10}"`
	Aliases       []string         `yaml:"aliases,omitempty" help:"Other names of the model, beside those of hotpath models alias." placeholder:"[NAME]"`
	Lazy          *bool            `yaml:"lazy,omitempty" help:"Load it when the first request asks for it." placeholder:"true"`
	MaxRows       int              `yaml:"max-rows,omitempty" help:"Most rows in one request." placeholder:"N"`
	Concurrency   int              `yaml:"concurrency,omitempty" help:"Runs at once (default: half of max-concurrency)." placeholder:"N"`
	Queue         int              `yaml:"queue,omitempty" help:"Requests waiting for it." placeholder:"N"`
	Timeout       time.Duration    `yaml:"timeout,omitempty" help:"Longest time to an answer." placeholder:"TIME"`
	BatchMax      int              `yaml:"batch-max,omitempty" help:"Most rows that are computed together; 1 for never." placeholder:"N"`
	BatchDelay    time.Duration    `yaml:"batch-delay,omitempty" help:"How long waiting requests may be held back for more to come." placeholder:"TIME"`
	BatchSizes    []int            `yaml:"batch-sizes,omitempty" help:"Rows at which a batch is cut." placeholder:"[8, 32]"`
}

// modelKeys are the fields of the table by key, in order.
func modelKeys() (keys []string, fields []reflect.StructField) {
	for field := range reflect.TypeFor[modelSettings]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		keys, fields = append(keys, key), append(fields, field)
	}
	return keys, fields
}

// settings is m without its scheduling.
func (m *modelSettings) settings() server.ModelSettings {
	return server.ModelSettings{Policy: m.VersionPolicy, Lazy: m.Lazy, MaxRows: m.MaxRows, Labels: m.Labels, Split: m.Split, Aliases: m.Aliases}
}

func settingsOf(models map[string]modelSettings) map[string]server.ModelSettings {
	all := map[string]server.ModelSettings{}
	for name, m := range models {
		all[name] = m.settings()
	}
	return all
}

// readModels reads what is set for single models.
func (f *configFile) readModels(node *yaml.Node) error {
	f.models = map[string]modelSettings{}
	keys, fields := modelKeys()
	return f.each(node, perModel, func(name, value *yaml.Node) error {
		full := perModel + "." + name.Value
		if err := registry.CheckName(name.Value); err != nil {
			return f.fail(name, full, "%v", err)
		}
		var m modelSettings
		err := f.each(value, full, func(key, value *yaml.Node) error {
			for i := range keys {
				if keys[i] != key.Value {
					continue
				}
				to := reflect.ValueOf(&m).Elem().FieldByIndex(fields[i].Index)
				if err := value.Decode(to.Addr().Interface()); err != nil {
					return f.fail(value, full+"."+key.Value, "%v", err)
				}
				if err := checkNumber(to, key.Value == "batch-delay"); err != nil {
					return f.fail(value, full+"."+key.Value, "%v", err)
				}
				if key.Value == "batch-delay" {
					m.BatchDelay = max(m.BatchDelay, 1) // 0 would mean that of all models
				}
				return nil
			}
			return f.fail(key, full+"."+key.Value, "unknown key, expected one of %s", strings.Join(keys, ", "))
		})
		if err != nil {
			return err
		}
		if err := m.settings().Check(); err != nil {
			return f.fail(value, full, "%v", err)
		}
		f.models[name.Value] = m
		return nil
	})
}
