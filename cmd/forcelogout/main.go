// Command forcelogout signs contact-center agents out: it executes commands from
// NATS JetStream against a CC-Gateway and publishes one result for each.
package main

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
)

// Set by the linker in release builds.
var version, commit string

// commands is the command line: one field per command, one file per field.
type commands struct {
	Demo    demoCommand    `cmd:"" help:"Run everything in this process: NATS, a simulated gateway, a worker and a small shift end."`
	Worker  workerCommand  `cmd:"" help:"Execute commands against the gateway."`
	Send    sendCommand    `cmd:"" help:"Publish commands: sign these agents out."`
	Cancel  cancelCommand  `cmd:"" help:"Withdraw commands that have not been executed."`
	Status  statusCommand  `cmd:"" help:"Show how many commands wait, and how the workers are."`
	Dead    deadCommand    `cmd:"" help:"Look at invalid commands, and send them again."`
	Watch   watchCommand   `cmd:"" help:"Show results and progress as they come."`
	Result  resultCommand  `cmd:"" help:"Show the results of commands, or where they are."`
	Setup   setupCommand   `cmd:"" help:"Create or check the streams and buckets."`
	Gateway gatewayCommand `cmd:"" help:"Run the simulated gateway alone."`
	Version versionCommand `cmd:"" help:"Show versions."`
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // something that was asked for was not done, or the program failed
	exitUsage       = 2
	exitUnreachable = 3 // NATS
	exitInterrupted = 130
)

// exitError carries an exit code other than exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error { return &exitError{exitUsage, err} }

// errQuiet ends with exitFailed after all has been said.
var errQuiet = errors.New("something was not done")

// streamsIO is where a command reads and writes; tests give their own.
type streamsIO struct {
	out, err io.Writer
}

func main() {
	dropEmptyVariables()
	// net/http prints bytes that come unasked, and there may be a GUID in them.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal finds the default behaviour again and exits at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streamsIO{os.Stdout, os.Stderr}))
}

// dropEmptyVariables makes an empty variable as good as none: compose files pass
// those on for settings that nobody made.
func dropEmptyVariables() {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" && (strings.HasPrefix(name, "FORCELOGOUT_") || strings.HasPrefix(name, "NATS_")) {
			_ = os.Unsetenv(name)
		}
	}
}

// run is the whole program: arguments in, exit code out.
func run(ctx context.Context, args []string, std streamsIO) int {
	var cli commands
	exited := -1
	out := &sticky{to: std.out}
	std.out = out
	parser, err := kong.New(&cli,
		kong.Name("forcelogout"),
		kong.Description("Signs contact-center agents out at shift end: commands from NATS JetStream, executed against a CC-Gateway, one result each."),
		kong.UsageOnError(),
		kong.DefaultEnvars("FORCELOGOUT"),
		kong.PostBuild(ownVariables),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		fmt.Fprintln(std.err, "forcelogout:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was asked for and printed
		return exited
	}
	if err != nil {
		fmt.Fprintf(std.err, "forcelogout: %v (see forcelogout --help)\n", err)
		return exitUsage
	}
	if err := errors.Join(emptyFlag(parsed), settleNATS(parsed)); err != nil {
		complain(std.err, err)
		return exitUsage
	}
	code := exitCode(explained(parsed.Run()), std)
	if err := out.failed(); err != nil && code == exitOK {
		fmt.Fprintln(std.err, "forcelogout: writing the output:", err)
		return exitFailed
	}
	return code
}

func exitCode(err error, std streamsIO) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errQuiet):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(std.err, "forcelogout: interrupted")
		return exitInterrupted
	case errors.As(err, &coded):
		complain(std.err, err)
		return coded.code
	default:
		complain(std.err, err)
		return exitFailed
	}
}

// complain writes an error. It may hold what came from outside.
func complain(out io.Writer, err error) {
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = "forcelogout: " + line
		}
		fmt.Fprintln(out, printable(line))
	}
}
