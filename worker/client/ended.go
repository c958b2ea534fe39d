package client

import (
	"context"
	"iter"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Ended calls do for each of the orders that has a result already.
func (c *Client) Ended(ctx context.Context, orders iter.Seq2[Order, error], do func(messages.Result)) error {
	var subjects []string
	look := func() error {
		if len(subjects) == 0 {
			return nil
		}
		err := c.lasts(ctx, streams.NamesOf(c.prefix).Results, subjects, func(_ string, data []byte) {
			if r, err := messages.DecodeResult(data); err == nil {
				do(r)
			}
		})
		subjects = subjects[:0]
		return err
	}
	for o, err := range orders {
		if err != nil {
			return err
		}
		if subjects = append(subjects, c.prefix.Result(o.VCC, o.Command.WorkNo, o.Command.ID)); len(subjects) < chunk {
			continue
		}
		if err := look(); err != nil {
			return err
		}
	}
	return look()
}
