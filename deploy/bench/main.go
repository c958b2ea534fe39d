// Command bench measures a worker beside what else one could use, in one run on one
// machine: worker, NATS server, gateway and peers are processes of their own.
//
//	go run -C deploy/bench .
//
// It prints a table and, with -json, everything that was measured. README.md in this
// folder has a run's numbers and says what they mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		if run, is := roles()[os.Args[1]]; is {
			exit(run(ctx, os.Args[2:]))
		}
	}
	exit(bench(ctx, os.Args[1:]))
}

// roles are the processes that this program also is.
func roles() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"gateway":    runGateway,
		"loop":       runLoop,
		"watermill":  runWatermill,
		"nats-alone": runNATSAlone,
		"http-alone": runHTTPAlone,
	}
}

func exit(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	only := flags.String("only", "", "run the scenarios whose name `matches` this regular expression")
	runs := flags.Int("runs", 3, "of each scenario; the table has their medians")
	out := flags.String("json", "", "`file` to write all readings to")
	scale := flags.Float64("scale", 1, "multiply the numbers of commands, for a first look")
	profile := flags.String("profile", "", "`file` for a CPU profile of the worker at a gateway that answers at once, in place of scenarios")
	_ = flags.Parse(args) // it exits
	matches, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	lab, err := newLab(ctx, *scale)
	if err != nil {
		return err
	}
	defer lab.close()
	if *profile != "" {
		return lab.profile(ctx, *profile)
	}
	report := newReport(lab)
	err = report.measure(ctx, lab, matches, *runs)
	report.print(os.Stdout) // also what was measured before something went wrong
	if *out != "" {
		err = errors.Join(err, report.write(*out))
	}
	return err
}
