package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

type versionCommand struct{}

func (versionCommand) Run(std streamsIO) error {
	built, revision := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		built = cmp.Or(built, info.Main.Version)
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = cmp.Or(revision, setting.Value)
			}
		}
	}
	_, err := fmt.Fprintf(std.out, "forcelogout %s (commit %s)\n%s, nats.go %s, embedded nats-server %s\n",
		cmp.Or(built, "(devel)"), cmp.Or(revision, "unknown"), runtime.Version(), nats.Version, server.VERSION)
	return err
}
