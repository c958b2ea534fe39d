package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/worker/client"
	"github.com/forcelogout/forcelogout/worker/shift"
)

type deadListCommand struct {
	clientFlags
	VCC       string     `name:"vcc" help:"Only this virtual contact center."`
	OlderThan shift.Span `placeholder:"AGE" help:"Only those that are older, for example 7d."`
	Since     shift.Span `placeholder:"AGE" help:"Only those of the time since, for example 1d."`
	JSON      bool       `name:"json" help:"One JSON document per line."`
}

func (c *deadListCommand) Run(ctx context.Context, std console.IO) error {
	if err := optionalVCC(c.VCC); err != nil {
		return exit.Misused(err)
	}
	return c.with("dead", std, func(cl *client.Client) error { return c.list(ctx, cl, std) })
}

func (c *deadListCommand) list(ctx context.Context, cl *client.Client, std console.IO) error {
	width, ages := console.LineWidth(std.Out), ages{c.OlderThan, c.Since, time.Now()}
	var failed error
	err := cl.Letters(ctx, c.VCC, func(l client.Letter) bool {
		if !ages.match(l) {
			return true
		}
		line := console.Clip(letterLine(l), width)
		if c.JSON {
			line = letterJSON(l)
		}
		_, failed = fmt.Fprintln(std.Out, line)
		return failed == nil
	})
	if failed != nil {
		return fmt.Errorf("writing: %w", failed)
	}
	return err
}

// ages choose dead letters by when they were stored.
type ages struct {
	olderThan, since shift.Span
	now              time.Time
}

func (a ages) match(l client.Letter) bool {
	age := a.now.Sub(l.Stored)
	return (a.olderThan == 0 || age > time.Duration(a.olderThan)) && (a.since == 0 || age <= time.Duration(a.since))
}

func letterLine(l client.Letter) string {
	who := l.WorkNo
	if who == "" {
		who = "-"
	}
	return console.Printable(fmt.Sprintf("%6d  %s  %s  %-6s  %s", l.Sequence, l.Stored.Local().Format(time.DateTime), l.VCC, who, l.Reason))
}

func letterJSON(l client.Letter) string {
	data, err := json.Marshal(struct {
		Sequence uint64    `json:"seq"`
		VCC      string    `json:"vcc"`
		At       time.Time `json:"at"`
		Reason   string    `json:"reason"`
		Subject  string    `json:"subject"`
		ID       string    `json:"id,omitempty"`
		WorkNo   string    `json:"workNo,omitempty"`
		Cut      bool      `json:"cut,omitempty"`
		Data     []byte    `json:"data"`
	}{l.Sequence, l.VCC, l.Stored, l.Reason, l.Subject, l.ID, l.WorkNo, l.Cut, l.Data})
	if err != nil {
		return err.Error()
	}
	return string(data)
}
