package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type cancelCommand struct {
	clientFlags
	IDs         []string      `arg:"" optional:"" name:"id" help:"Commands to withdraw."`
	VCC         string        `name:"vcc" default:"default" help:"Virtual contact center."`
	WorkNo      string        `help:"All open commands of this agent."`
	Shift       string        `help:"All open commands with this meta.shift."`
	Reason      string        `help:"Audit text, for example overtime."`
	RequestedBy string        `help:"Who asks."`
	Timeout     time.Duration `default:"20s" help:"How long to wait for workers that have a command in hand."`
	JSON        bool          `name:"json" help:"One JSON document per line."`
}

func (c *cancelCommand) Run(ctx context.Context, std streamsIO) error {
	which, err := c.selection()
	if err != nil {
		return usage(err)
	}
	by := messages.Cancellation{RequestedBy: c.RequestedBy, Reason: c.Reason, At: time.Now().UTC().Truncate(time.Millisecond)}
	if err := by.Validate(); err != nil {
		return usage(err)
	}
	cl, closeAll, err := c.open("cancel", std)
	if err != nil {
		return err
	}
	defer closeAll()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	all, some := true, false
	err = cl.Cancel(ctx, c.VCC, which, by, func(w client.Withdrawal) {
		some = true
		all = all && w.Answer == client.Cancelled
		c.show(std.out, w)
	})
	switch {
	case err != nil:
		return err
	case !some:
		return errors.New("no open command matches")
	case !all:
		return errQuiet
	}
	return nil
}

func (c *cancelCommand) selection() (client.Selection, error) {
	which := client.Selection{IDs: c.IDs, WorkNo: c.WorkNo, Shift: c.Shift}
	given := 0
	for _, is := range []bool{len(c.IDs) > 0, c.WorkNo != "", c.Shift != ""} {
		if is {
			given++
		}
	}
	problems := []error{named("vcc", messages.ValidateVCC(c.VCC))}
	if given != 1 {
		problems = append(problems, errors.New("give ids, or --work-no, or --shift"))
	}
	for _, id := range c.IDs {
		problems = append(problems, messages.ValidateID(id))
	}
	if c.WorkNo != "" {
		problems = append(problems, named("work-no", messages.ValidateWorkNo(c.WorkNo)))
	}
	if c.Timeout <= 0 {
		problems = append(problems, fmt.Errorf("--timeout %v: must be above 0", c.Timeout))
	}
	return which, errors.Join(problems...)
}

// show writes the answer for one command.
func (c *cancelCommand) show(out io.Writer, w client.Withdrawal) {
	if c.JSON {
		data, err := json.Marshal(struct {
			ID     string           `json:"id"`
			WorkNo string           `json:"workNo,omitempty"`
			Answer client.Withdrawn `json:"answer"`
			Result *messages.Result `json:"result,omitempty"`
		}{w.ID, w.WorkNo, w.Answer, w.Result})
		if err == nil {
			fmt.Fprintln(out, string(data))
		}
		return
	}
	text := string(w.Answer)
	switch {
	case w.Answer == client.TooLate:
		text += fmt.Sprintf(": %s at %s", w.Result.Outcome, w.Result.FinishedAt.Local().Format(time.DateTime))
	case w.Answer == client.Undecided:
		text += ": a worker has it; forcelogout watch will show its result"
	}
	fmt.Fprintf(out, "%s  %-6s  %s\n", w.ID, w.WorkNo, text)
}
