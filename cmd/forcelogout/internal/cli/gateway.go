package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

type gatewayCommand struct {
	Listen    string `default:"127.0.0.1:8043" help:"Address to listen on."`
	TLS       bool   `name:"tls" help:"HTTPS with a certificate made at start."`
	HTTP2     bool   `name:"http2" help:"Offer HTTP/2; with --tls."`
	CAOut     string `name:"ca-out" placeholder:"FILE" help:"Where to write the certificate's CA."`
	Inspector string `default:"1001" placeholder:"WORKNO" help:"The inspector of FORCELOGOUT_GUID or FORCELOGOUT_PASSWORD; without them the first GUID or password presented is good."`
	settings.Log

	gatewayCalls    `group:"Forced sign-outs:"`
	gatewaySessions `group:"Sessions:"`
	gatewayForms    `group:"Answers:"`
	gatewayAgents   `group:"Agents:"`
}

func (c *gatewayCommand) Run(ctx context.Context, std console.IO) error {
	if err := c.check(); err != nil {
		return exit.Misused(err)
	}
	log, err := c.Logger(std.Err)
	if err != nil {
		return err
	}
	g, err := c.gateway()
	if err != nil {
		return exit.Misused(err)
	}
	server, err := sim.ListenWith(g, c.Listen, sim.Options{TLS: c.TLS, HTTP2: c.HTTP2, CloseAfter: c.CloseAfter})
	if err != nil {
		return fmt.Errorf("simulated gateway: %w (choose another address with --listen)", err)
	}
	if c.CAOut != "" {
		if err := os.WriteFile(c.CAOut, server.CAPEM, 0o644); err != nil {
			return errors.Join(fmt.Errorf("--ca-out: %w", err), server.Close())
		}
	}
	fmt.Fprintf(std.Out, "simulated gateway on %s, inspector %s\n", server.URL, c.Inspector)
	defer c.schedule(g)()
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	var teller sync.WaitGroup
	teller.Go(func() { tellBreaches(telling, g, log) })
	<-ctx.Done()
	err = server.Close()
	stop()
	teller.Wait()
	fmt.Fprintln(std.Out, breachSummary(g.BreachCounts()))
	return err
}

// mostTold is how many breaches of a kind are logged; the summary counts all.
const mostTold = 10

// tellBreaches logs what clients do that the vendor forbids, until the context ends.
func tellBreaches(ctx context.Context, g *sim.Gateway, log *slog.Logger) {
	told := map[string]int{}
	for seen := 0; ; {
		found, err := g.AwaitBreaches(ctx, seen)
		if err != nil {
			return
		}
		seen += len(found)
		for _, breach := range found {
			if told[breach.What]++; told[breach.What] > mostTold {
				continue
			}
			log.LogAttrs(ctx, slog.LevelWarn, "breach of the vendor's rules",
				slog.String("breach", console.Printable(breach.String())), slog.Bool("last_told", told[breach.What] == mostTold))
		}
	}
}

func breachSummary(counts map[string]int) string {
	if len(counts) == 0 {
		return "no breach of the vendor's rules"
	}
	var kinds []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", what, counts[what]))
	}
	return "breaches of the vendor's rules: " + strings.Join(kinds, ", ")
}
