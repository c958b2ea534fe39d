package console

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/forcelogout/forcelogout/worker/client"
)

// StatusTable is for people: numbers first, then the workers with what is wrong.
func StatusTable(out io.Writer, all []client.Status) error {
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
			len(s.Workers), s.Sessions, Printable(gateway))
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
			fmt.Fprintln(out, Clip(Printable(fmt.Sprintf("%s, worker %s: %s: %s", s.VCC, w.Worker, state, w.Problem)), LineWidth(out)))
		}
	}
	return nil
}
