package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

type sendCommand struct {
	clientFlags
	Agents      []string      `arg:"" name:"workNo" help:"Agents to sign out, 101-999999 each."`
	VCC         string        `name:"vcc" default:"default" help:"Virtual contact center."`
	Reason      string        `help:"Audit text, for example shift-end."`
	RequestedBy string        `help:"Who asks."`
	Inspector   string        `placeholder:"WORKNO" help:"Only this inspector may do it."`
	ExpiresIn   time.Duration `help:"Do not execute later than this from now (default: the worker's --max-age)."`
	Wait        bool          `help:"Wait for the results; exit 1 unless all succeeded."`
	WaitTimeout time.Duration `default:"20m" help:"Longest time to wait with --wait."`
}

func (c *sendCommand) Run(ctx context.Context, std streamsIO) error {
	orders, err := c.orders(time.Now())
	if err != nil {
		return usage(err)
	}
	cl, closeAll, err := c.open("send", std)
	if err != nil {
		return err
	}
	defer closeAll()
	if c.Wait {
		return c.sendAndWait(ctx, cl, orders, std)
	}
	submitting, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	if err := cl.Submit(submitting, c.VCC, orders); err != nil {
		return err
	}
	for _, order := range orders {
		fmt.Fprintf(std.out, "%s  %s\n", order.ID, order.WorkNo)
	}
	return nil
}

// orders makes a command for each agent, or says of all of them what is wrong.
func (c *sendCommand) orders(now time.Time) ([]messages.Command, error) {
	if c.ExpiresIn < 0 {
		return nil, fmt.Errorf("--expires-in %v: must be above 0", c.ExpiresIn)
	}
	problems := []error{named("vcc", messages.ValidateVCC(c.VCC))}
	orders := make([]messages.Command, 0, len(c.Agents))
	for _, agent := range c.Agents {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("making an id: %w", err)
		}
		order := messages.Command{
			ID: id.String(), WorkNo: agent, Inspector: c.Inspector, IssuedAt: now.UTC().Truncate(time.Millisecond),
			Reason: c.Reason, RequestedBy: c.RequestedBy,
		}
		if c.ExpiresIn > 0 {
			order.ExpiresAt = order.IssuedAt.Add(c.ExpiresIn)
		}
		problems = append(problems, order.Validate())
		orders = append(orders, order)
	}
	return orders, errors.Join(problems...)
}

func (c *sendCommand) sendAndWait(ctx context.Context, cl *client.Client, orders []messages.Command, std streamsIO) error {
	ctx, cancel := context.WithTimeout(ctx, c.WaitTimeout)
	defer cancel()
	feed, err := cl.Results(ctx, client.Filter{VCC: c.VCC})
	if err != nil {
		return err
	}
	defer feed.Close()
	begin := time.Now()
	if err := cl.Submit(ctx, c.VCC, orders); err != nil {
		return err
	}
	show := newBoard(std, len(orders))
	err = collect(ctx, feed, orders, show)
	show.summary(time.Since(begin))
	if err != nil {
		return err
	}
	if !show.allSucceeded() {
		return errQuiet
	}
	return nil
}

// collect shows results until each of the commands has one.
func collect(ctx context.Context, feed *client.Results, orders []messages.Command, show *board) error {
	open := make(map[string]bool, len(orders))
	for _, order := range orders {
		open[order.ID] = true
	}
	for len(open) > 0 {
		result, _, err := feed.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%d commands have no result yet: is a worker running? see forcelogout watch", len(open))
		}
		if err != nil {
			return err
		}
		if open[result.ID] {
			delete(open, result.ID)
			show.add(result)
		}
	}
	return nil
}
