package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/forcelogout/forcelogout/worker"
)

// printConfig shows what the worker has understood, without secrets.
func (c *workerCommand) printConfig(out io.Writer, settings []vccSettings, configs []worker.Config) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "NATS\t%s\n", c.natsFlags.target())
	fmt.Fprintf(w, "prefix\t%s\n", c.Prefix)
	fmt.Fprintf(w, "admin HTTP\t%s\n", c.Listen)
	fmt.Fprintf(w, "drain timeout\t%v\n", c.DrainTimeout)
	for i, s := range settings {
		fmt.Fprintf(w, "\nVCC %s\n", s.VCC)
		fmt.Fprintf(w, "  gateway\t%s\n", s.Gateway)
		for _, line := range []struct{ name, value string }{
			{"CA", s.GatewayCA}, {"client certificate", s.GatewayCert}, {"server name", s.GatewayServerName},
			{"pinned keys", strings.Join(s.GatewayPin, " ")},
		} {
			if line.value != "" {
				fmt.Fprintf(w, "  %s\t%s\n", line.name, line.value)
			}
		}
		for _, account := range configs[i].Inspectors {
			fmt.Fprintf(w, "  inspector\t%s, %s%s\n", account.Inspector, account.Source(), account.SignIn())
		}
		fmt.Fprintf(w, "  concurrency\t%d\n", s.Concurrency)
		fmt.Fprintf(w, "  rate\t%s\n", rateText(s.Rate))
		fmt.Fprintf(w, "  attempts\t%d, waiting %v to %v\n", s.MaxAttempts, s.RetryInitial, s.RetryMax)
		fmt.Fprintf(w, "  call timeout\t%v\n", s.CallTimeout)
		fmt.Fprintf(w, "  max age\t%v\n", s.MaxAge)
		fmt.Fprintf(w, "  sign-in timeout\t%v, %v between tries with a locked account\n", s.SignInTimeout, s.LockRetry)
		fmt.Fprintf(w, "  poll timeout\t%v\n", s.PollTimeout)
		fmt.Fprintf(w, "  confirm\t%v\n", s.Confirm)
		for _, code := range slices.Sorted(maps.Keys(s.Retcodes)) {
			fmt.Fprintf(w, "  retcode %s\t%s\n", code, s.Retcodes[code])
		}
	}
	fmt.Fprintln(w, "\nThe configuration is valid.")
	return w.Flush()
}

func rateText(rate float64) string {
	if rate == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%v calls/s", rate)
}
