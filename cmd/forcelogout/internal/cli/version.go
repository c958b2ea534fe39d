package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
)

type versionCommand struct{}

func (versionCommand) Run(std console.IO, p Program) error {
	built, revision := p.Version, p.Commit
	if info, ok := debug.ReadBuildInfo(); ok {
		built = cmp.Or(built, info.Main.Version)
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = cmp.Or(revision, setting.Value)
			}
		}
	}
	_, err := fmt.Fprintf(std.Out, "forcelogout %s (commit %s)\n%s, nats.go %s, embedded nats-server %s\n",
		cmp.Or(built, "(devel)"), cmp.Or(revision, "unknown"), runtime.Version(), nats.Version, server.VERSION)
	return err
}
