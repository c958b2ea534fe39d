package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type statusCommand struct {
	clientFlags
	VCC  string `name:"vcc" help:"Only this virtual contact center."`
	JSON bool   `name:"json" help:"One JSON document per VCC and line."`
}

func (c *statusCommand) Run(ctx context.Context, std console.IO) error {
	if c.VCC != "" {
		if err := messages.ValidateVCC(c.VCC); err != nil {
			return exit.Misused(settings.Named("vcc", err))
		}
	}
	cl, closeAll, err := c.open("status", std)
	if err != nil {
		return err
	}
	defer closeAll()
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	vccs, strays := []string{c.VCC}, map[string]uint64(nil)
	if c.VCC == "" {
		if vccs, strays, err = cl.VCCs(ctx); err != nil {
			return err
		}
	}
	all, err := cl.Statuses(ctx, vccs)
	if err != nil {
		return err
	}
	for _, subject := range slices.Sorted(maps.Keys(strays)) {
		fmt.Fprintln(std.Err, console.Printable(fmt.Sprintf("%s lie on %s, which no worker takes: no VCC can have that name", console.Plural(int(strays[subject]), "message"), subject)))
	}
	if c.JSON {
		return statusJSON(std.Out, all)
	}
	return statusTable(std.Out, all, lineWidth(std.Out))
}

func statusJSON(out io.Writer, all []client.Status) error {
	for _, s := range all {
		data, err := json.Marshal(struct {
			client.Status
			OldestSeconds float64 `json:"oldestSeconds"`
		}{s, s.OldestAge.Seconds()})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, string(data))
	}
	return nil
}

// statusTable is for people: numbers first, then the workers with what is wrong.
func statusTable(out io.Writer, all []client.Status, width int) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no VCC has commands or workers")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "vcc\tplanned\twaiting\thanded back\tin flight\tdone\toldest due\tworkers\tsessions\tgateway\t")
	for _, s := range all {
		oldest := "-"
		if s.OldestAge > 0 {
			oldest = s.OldestAge.Round(time.Second).String()
		}
		gateway := s.Gateway
		switch {
		case s.Paused:
			gateway = "paused"
		case gateway == "":
			gateway = "-"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%s\t\n", s.VCC, s.Scheduled, s.Waiting, s.Parked, s.InFlight, s.Done, oldest,
			len(s.Workers), s.Sessions, console.Printable(gateway))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		for _, w := range s.Workers {
			if w.Problem == "" {
				continue
			}
			state := "not ready"
			if w.Ready {
				state = "ready, but"
			}
			fmt.Fprintln(out, clipLine(console.Printable(fmt.Sprintf("%s, worker %s: %s: %s", s.VCC, w.Worker, state, w.Problem)), width))
		}
	}
	return nil
}
