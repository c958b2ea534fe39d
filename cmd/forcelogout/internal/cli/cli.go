// Package cli is the command line of forcelogout: a file for each command, with its flags
// and what it does.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
)

// commands is the command line: one field per command, one file per field.
type commands struct {
	Demo    demoCommand    `cmd:"" help:"Run everything in this process: NATS, a simulated gateway, a worker and a small shift end."`
	Worker  workerCommand  `cmd:"" help:"Execute commands against the gateway."`
	Send    sendCommand    `cmd:"" help:"Publish commands: sign these agents out."`
	List    listCommand    `cmd:"" help:"Show who will be signed out when, and why."`
	Extend  extendCommand  `cmd:"" help:"Give one agent's planned sign-out another time."`
	Cancel  cancelCommand  `cmd:"" help:"Withdraw commands that have not been executed."`
	Feed    feedCommand    `cmd:"" help:"Take the shift files that are dropped into a folder; the newest wins."`
	Status  statusCommand  `cmd:"" help:"Show how many commands wait, and how the workers are."`
	Dead    deadCommand    `cmd:"" help:"Look at invalid commands, and send them again."`
	Watch   watchCommand   `cmd:"" help:"Show results and progress as they come."`
	Result  resultCommand  `cmd:"" help:"Show the results of commands, or where they are."`
	Report  reportCommand  `cmd:"" help:"The forced-logout report of a day: who was signed out, when, and who was not."`
	Setup   setupCommand   `cmd:"" help:"Create or check the streams and buckets."`
	Gateway gatewayCommand `cmd:"" help:"Run the simulated gateway alone."`
	Schema  schemaCommand  `cmd:"" help:"Print the contract for machines: JSON Schemas of the messages, AsyncAPI of the subjects."`
	Version versionCommand `cmd:"" help:"Show versions."`
}

// errQuiet ends with exit.Failed after all has been said.
var errQuiet = errors.New("something was not done")

// Program is forcelogout; release builds set both fields.
type Program struct{ Version, Commit string }

// Main runs the command line of this process, and returns the exit code.
func (p Program) Main() int {
	settings.DropEmptyVariables()
	// net/http prints bytes that come unasked, and there may be a GUID in them.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal finds the default behaviour again and exits at once.
	context.AfterFunc(ctx, stop)
	return p.Run(ctx, os.Args[1:], console.IO{Out: os.Stdout, Err: os.Stderr})
}

// Run is the whole program: arguments in, exit code out.
func (p Program) Run(ctx context.Context, args []string, std console.IO) int {
	var cli commands
	exited := -1
	out := console.Sticky(std.Out)
	std.Out = out
	parser, err := kong.New(&cli,
		kong.Name("forcelogout"),
		kong.Description("Signs contact-center agents out at shift end: commands from NATS JetStream, executed against a CC-Gateway, one result each."),
		kong.UsageOnError(),
		kong.DefaultEnvars("FORCELOGOUT"),
		kong.PostBuild(settings.OwnVariables),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.Writers(std.Out, std.Err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, p),
	)
	if err != nil {
		fmt.Fprintln(std.Err, "forcelogout:", err)
		return exit.Failed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was asked for and printed
		return exited
	}
	if err != nil {
		fmt.Fprintf(std.Err, "forcelogout: %v (see forcelogout --help)\n", err)
		return exit.Usage
	}
	if err := settings.Settle(parsed); err != nil {
		complain(std.Err, err)
		return exit.Usage
	}
	code := exitCode(explained(parsed.Run()), std)
	if err := out.Failed(); err != nil && code == exit.OK {
		fmt.Fprintln(std.Err, "forcelogout: writing the output:", err)
		return exit.Failed
	}
	return code
}

func exitCode(err error, std console.IO) int {
	var coded *exit.Error
	switch {
	case err == nil:
		return exit.OK
	case errors.Is(err, errQuiet):
		return exit.Failed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(std.Err, "forcelogout: interrupted")
		return exit.Interrupted
	case errors.As(err, &coded):
		complain(std.Err, err)
		return coded.Code
	default:
		complain(std.Err, err)
		return exit.Failed
	}
}

// complain writes an error. It may hold what came from outside.
func complain(out io.Writer, err error) {
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = "forcelogout: " + line
		}
		fmt.Fprintln(out, console.Printable(line))
	}
}
