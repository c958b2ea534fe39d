package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// OwnVariables takes the variables of the environment from the flags of commands that
// people type, but for those that say where and who: what is set for a worker on the
// same host, such as FORCELOGOUT_INSPECTOR, must not change what a command does.
func OwnVariables(k *kong.Kong) error {
	everybodys := []string{"vcc", "tz", "requested-by"}
	connection := reflect.TypeFor[Connection]()
	for i := range connection.NumField() {
		if field := connection.Field(i); field.IsExported() {
			name := field.Tag.Get("name")
			if name == "" {
				name = map[string]string{"Context": "context", "Creds": "creds", "Prefix": "prefix"}[field.Name]
			}
			everybodys = append(everybodys, name)
		}
	}
	return kong.Visit(k.Model.Node, func(node kong.Visitable, next kong.Next) error {
		command, is := node.(*kong.Node)
		if is && typed(command) {
			for _, flag := range command.Flags {
				if !slices.Contains(everybodys, flag.Name) {
					flag.Envs, flag.Value.Tag.Envs = nil, nil
				}
			}
		}
		return next(nil)
	})
}

// typed reports whether a command is one that people type, or that runs beside a worker.
func typed(command *kong.Node) bool {
	for node := command; node != nil; node = node.Parent {
		if slices.Contains([]string{"send", "list", "extend", "feed", "cancel", "status", "dead", "watch", "result", "report"}, node.Name) {
			return true
		}
	}
	return false
}

// Settle refuses empty flags, and lets the chosen command settle how it reaches NATS.
func Settle(parsed *kong.Context) error {
	return errors.Join(emptyFlag(parsed), settleNATS(parsed))
}

// settleNATS lets the chosen command settle how it reaches NATS, if it does.
func settleNATS(parsed *kong.Context) error {
	given := map[string]bool{}
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved {
			given[p.Flag.Name] = true
		}
	}
	command, does := parsed.Selected().Target.Addr().Interface().(interface {
		settleNATS(explicit func(string) bool) error
	})
	if !does {
		return nil
	}
	return command.settleNATS(func(flag string) bool { return given[flag] })
}

// emptyFlag finds a flag that the command line gives without a value, as an empty
// variable of a shell does: send --at "" must not mean now.
func emptyFlag(parsed *kong.Context) error {
	if !typed(parsed.Selected()) {
		return nil
	}
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved && p.Flag.Target.Kind() == reflect.String && p.Flag.Target.String() == "" {
			return fmt.Errorf("--%s is empty: leave it out, or give it a value", p.Flag.Name)
		}
	}
	return nil
}

// DropEmptyVariables makes an empty variable as good as none: compose files pass
// those on for settings that nobody made.
func DropEmptyVariables() {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" && (strings.HasPrefix(name, "FORCELOGOUT_") || strings.HasPrefix(name, "NATS_")) {
			_ = os.Unsetenv(name)
		}
	}
}
