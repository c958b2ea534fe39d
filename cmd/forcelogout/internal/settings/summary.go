package settings

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/forcelogout/forcelogout/worker"
)

// Summary is what --check-config shows.
type Summary struct {
	File         *File // nil without
	NATS         Connection
	Listen       string
	DrainTimeout time.Duration
	VCCs         []PerVCC
	Configs      []worker.Config // of the VCCs
}

// Write shows what the worker has understood and where it comes from, without secrets.
func (c Summary) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	top := func(name, flag string, value any) {
		fmt.Fprintf(w, "%s\t%v\t%s\n", name, value, c.File.origin(flag, nil))
	}
	natsFlag := "nats"
	if c.NATS.Context != "" {
		natsFlag = "context"
	}
	top("NATS", natsFlag, c.NATS.Target())
	top("prefix", "prefix", c.NATS.Prefix)
	top("admin HTTP", "listen", c.Listen)
	top("drain timeout", "drain-timeout", c.DrainTimeout)
	for i, s := range c.VCCs {
		fmt.Fprintf(w, "\nVCC %s\n", s.VCC)
		line := func(name, flag string, value any) {
			fmt.Fprintf(w, "  %s\t%v\t%s\n", name, value, c.File.origin(flag, s.keys))
		}
		line("gateway", "gateway", s.Gateway)
		for _, file := range []struct{ name, flag, value string }{
			{"CA", "gateway-ca", s.GatewayCA}, {"client certificate", "gateway-cert", s.GatewayCert}, {"server name", "gateway-server-name", s.GatewayServerName},
			{"pinned keys", "gateway-pin", strings.Join(s.GatewayPin, " ")},
		} {
			if file.value != "" {
				line(file.name, file.flag, file.value)
			}
		}
		inspectors, phone := "inspector", "phone"
		if len(s.Inspectors) > 0 {
			inspectors, phone = keyInspectors, keyInspectors
		}
		for _, account := range c.Configs[i].Inspectors {
			line("inspector", inspectors, fmt.Sprintf("%s, %s%s", account.Inspector, account.Source(), account.SignIn()))
			if account.Phone != "" {
				line("phone", phone, account.Phone)
			}
		}
		line("concurrency", "concurrency", s.Concurrency)
		line("rate", "rate", rateText(s.Rate))
		if s.MaxPerMinute > 0 {
			line("all workers", "max-per-minute", fmt.Sprintf("%d calls/min", s.MaxPerMinute))
		}
		line("attempts", "max-attempts", fmt.Sprintf("%d, waiting %v to %v", s.MaxAttempts, s.RetryInitial, s.RetryMax))
		line("call timeout", "call-timeout", s.CallTimeout)
		line("max age", "max-age", s.MaxAge)
		line("sign-in timeout", "sign-in-timeout", s.SignInTimeout)
		line("lock retry", "lock-retry", s.LockRetry)
		line("poll timeout", "poll-timeout", s.PollTimeout)
		line("confirm", "confirm", s.Confirm)
		if g := c.Configs[i].Grace; g.For > 0 {
			line("when idle", "when-idle", fmt.Sprintf("%v for a call, %v for wrap-up", g.For, g.WrapUp))
		}
		if len(s.Protect) > 0 {
			line("protected", "protect", strings.Join(s.Protect, " "))
		}
		for _, file := range s.ProtectFile {
			line("protected", "protect-file", "those in "+file)
		}
		for _, code := range slices.Sorted(maps.Keys(s.Retcodes)) {
			line("retcode "+code, "retcodes", s.Retcodes[code])
		}
	}
	fmt.Fprintln(w, "\nThe configuration is valid.")
	return w.Flush()
}

// origin says where a setting comes from; keys are those of the entry of vccs.
func (f *File) origin(flag string, keys map[string]bool) string {
	switch {
	case keys[flag]:
		return "(vccs)"
	case f == nil:
		return ""
	case f.given[flag] != "":
		return "(" + f.given[flag] + ")"
	case flag == keyInspectors:
		return "(file)"
	}
	if _, is := f.settings[flag]; is {
		return "(file)"
	}
	return "(default)"
}

func rateText(rate float64) string {
	if rate == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%v calls/s", rate)
}
