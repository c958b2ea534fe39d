package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type statusCommand struct {
	clientFlags
	VCC  string `name:"vcc" help:"Only this virtual contact center."`
	JSON bool   `name:"json" help:"One JSON document per VCC and line."`
}

func (c *statusCommand) Run(ctx context.Context, std streamsIO) error {
	if c.VCC != "" {
		if err := messages.ValidateVCC(c.VCC); err != nil {
			return usage(named("vcc", err))
		}
	}
	cl, closeAll, err := c.open("status", std)
	if err != nil {
		return err
	}
	defer closeAll()
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	vccs := []string{c.VCC}
	if c.VCC == "" {
		if vccs, err = cl.VCCs(ctx); err != nil {
			return err
		}
	}
	all := make([]client.Status, 0, len(vccs))
	for _, vcc := range vccs {
		status, err := cl.Status(ctx, vcc)
		if err != nil {
			return err
		}
		all = append(all, status)
	}
	if c.JSON {
		return statusJSON(std.out, all)
	}
	return statusTable(std.out, all, lineWidth(std.out))
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
	fmt.Fprintln(table, "vcc\tscheduled\twaiting\tparked\tin flight\tdone\toldest\tworkers\t")
	for _, s := range all {
		oldest := "-"
		if s.OldestAge > 0 {
			oldest = s.OldestAge.Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t\n", s.VCC, s.Scheduled, s.Waiting, s.Parked, s.InFlight, s.Done, oldest, len(s.Workers))
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
			fmt.Fprintln(out, clipLine(fmt.Sprintf("%s, worker %s: %s: %s", s.VCC, w.Worker, state, w.Problem), width))
		}
	}
	return nil
}
