package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/client"
)

type statusCommand struct {
	clientFlags
	VCC  string `name:"vcc" help:"Only this virtual contact center."`
	JSON bool   `name:"json" help:"One JSON document per VCC and line."`
}

func (c *statusCommand) Run(ctx context.Context, std console.IO) error {
	if err := optionalVCC(c.VCC); err != nil {
		return exit.Misused(err)
	}
	return c.with("status", std, func(cl *client.Client) error { return c.show(ctx, cl, std) })
}

func (c *statusCommand) show(ctx context.Context, cl *client.Client, std console.IO) (err error) {
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
	return console.StatusTable(std.Out, all)
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
