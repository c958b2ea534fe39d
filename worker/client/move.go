package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// ErrFired: the command waits for workers or is with one: its time has come, or it was
// sent to wait there.
var ErrFired = errors.New("NATS holds it no more, and a worker may have it")

// Move gives a planned command another time. What counts from its time moves with it.
func (c *Client) Move(ctx context.Context, vcc string, e Entry, at time.Time, patience time.Duration) error {
	if !e.Held {
		return ErrFired
	}
	order := Order{VCC: vcc, At: at, Command: shifted(e.Command, e.Due, at)}
	var failed error
	err := c.Publish(ctx, patience, func(yield func(Order, error) bool) { yield(order, nil) }, func(r Receipt) { failed = r.Err })
	switch {
	case err != nil:
		return err
	case errors.Is(failed, ErrTaken), errors.Is(failed, ErrEnded):
		return fmt.Errorf("%w: %w", ErrFired, failed)
	case failed != nil:
		return failed
	}
	// Where its time came while it was moved, workers have taken it as it was.
	plan, err := c.Plan(ctx, vcc)
	if err != nil {
		return err
	}
	for _, now := range plan {
		if now.Command.ID == e.Command.ID && now.Held && now.Due.Equal(at) {
			return nil
		}
	}
	if !at.After(time.Now()) {
		return nil
	}
	return ErrFired
}

// shifted is a command at another time.
func shifted(c messages.Command, from, to time.Time) messages.Command {
	by := to.Sub(from)
	c.NotBefore = to
	for _, t := range []*time.Time{&c.ExpiresAt, &c.GraceUntil} {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
	return c
}
