package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/worker/admin"
)

type versionCommand struct{}

func (versionCommand) Run(std console.IO, p Program) error {
	built := p.build()
	_, err := fmt.Fprintf(std.Out, "forcelogout %s (commit %s)\n%s, nats.go %s, embedded nats-server %s\n",
		built.Version, built.Revision, runtime.Version(), nats.Version, server.VERSION)
	return err
}

// build is what a release build has set, or else what Go knows of it.
func (p Program) build() admin.Build {
	built, revision := p.Version, p.Commit
	if info, ok := debug.ReadBuildInfo(); ok {
		built = cmp.Or(built, info.Main.Version)
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = cmp.Or(revision, setting.Value)
			}
		}
	}
	return admin.Build{Version: cmp.Or(built, "(devel)"), Revision: cmp.Or(revision, "unknown")}
}
