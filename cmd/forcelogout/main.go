// Command forcelogout signs contact-center agents out: it executes commands from
// NATS JetStream against a CC-Gateway and publishes one result for each.
package main

import (
	"os"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/cli"
)

// Set by the linker in release builds.
var version, commit string

func main() { os.Exit(cli.Program{Version: version, Commit: commit}.Main()) }
