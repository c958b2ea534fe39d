package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	window = 1024 // orders on their way to the server at a time
	chunk  = 250  // orders looked at together
)

// Order is a command and when it is to reach the workers.
type Order struct {
	VCC     string
	At      time.Time // the server holds it until then; zero: at once
	Command messages.Command
}

// Errors of an order that was not taken.
var (
	ErrEnded     = errors.New("the command has ended already")
	ErrWithdrawn = errors.New("the command was withdrawn already")
	// ErrNoSchedules: the server holds nothing for later.
	ErrNoSchedules = errors.New("NATS has no message schedules here: it is older than 2.12, or the command stream is limited (setup --max-bytes): use --not-before, with which the command waits in the command stream")
)

// Publish publishes orders as they come, at most window at a time, and calls taken
// for each in that order: with nil, or with ErrEnded or ErrWithdrawn where an order
// for later came too late. Any other error ends it; what was taken before stays.
//
// The same id sent again within the stream's duplicate window is taken once; for
// later, it moves the earlier order.
func (c *Client) Publish(ctx context.Context, orders iter.Seq2[Order, error], taken func(Order, error)) error {
	p := publishing{Client: c, taken: taken}
	for order, err := range orders {
		if err != nil {
			return errors.Join(err, p.send(ctx), p.settle(ctx, 0))
		}
		p.chunk = append(p.chunk, order)
		if len(p.chunk) < chunk {
			continue
		}
		if err := p.send(ctx); err != nil {
			return errors.Join(err, p.settle(ctx, 0))
		}
	}
	return errors.Join(p.send(ctx), p.settle(ctx, 0))
}

// publishing is one run of Publish.
type publishing struct {
	*Client
	taken   func(Order, error)
	chunk   []Order   // not looked at yet
	waiting []pending // on their way
}

// pending is an order on its way.
type pending struct {
	order  Order
	future jetstream.PubAckFuture // nil where err says why it was not sent
	err    error
}

// send sends a chunk on its way.
func (p *publishing) send(ctx context.Context) error {
	late, err := p.tooLate(ctx, p.chunk)
	if err != nil {
		return err
	}
	for _, order := range p.chunk {
		next := pending{order: order, err: late[order.VCC+"."+order.Command.ID]}
		if next.err == nil {
			if next.future, err = p.publish(order); err != nil {
				return err
			}
		}
		p.waiting = append(p.waiting, next)
		if err := p.settle(ctx, window-1); err != nil {
			return err
		}
	}
	p.chunk = p.chunk[:0]
	return nil
}

// settle waits until no more than keep orders are on their way.
func (p *publishing) settle(ctx context.Context, keep int) error {
	for len(p.waiting) > keep {
		next := p.waiting[0]
		if next.future != nil {
			if err := await(ctx, next); err != nil {
				return err
			}
		}
		p.taken(next.order, next.err)
		p.waiting = p.waiting[1:]
	}
	return nil
}

func (c *Client) publish(o Order) (jetstream.PubAckFuture, error) {
	data, err := o.Command.Encode()
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", o.Command.ID, err)
	}
	msg := &nats.Msg{Subject: c.prefix.Commands(o.VCC), Header: nats.Header{jetstream.MsgIDHeader: {messages.MessageID(o.VCC, o.Command.ID)}}, Data: data}
	opts := []jetstream.PublishOpt{jetstream.WithRetryAttempts(1)}
	if !o.At.IsZero() {
		// No message id: within the duplicate window that would keep the order from
		// being moved.
		msg.Header, msg.Subject = nats.Header{}, c.prefix.Schedule(o.VCC, o.Command.ID)
		opts = append(opts, jetstream.WithScheduleAt(o.At), jetstream.WithScheduleTarget(c.prefix.Commands(o.VCC)))
	}
	future, err := c.js.PublishMsgAsync(msg, opts...)
	if err != nil {
		return nil, fmt.Errorf("publishing command %s: %w", o.Command.ID, err)
	}
	return future, nil
}

func await(ctx context.Context, p pending) error {
	var err error
	select {
	case <-p.future.Ok():
		return nil
	case err = <-p.future.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	if errors.Is(err, jetstream.ErrMessageSchedulesDisabled) {
		err = ErrNoSchedules
	}
	return fmt.Errorf("publishing command %s: %w", p.order.Command.ID, notSetUp(err))
}

// tooLate finds, by VCC and id, the orders for later that would have no effect any
// more.
func (c *Client) tooLate(ctx context.Context, orders []Order) (map[string]error, error) {
	var results, notes []string
	for _, o := range orders {
		if !o.At.IsZero() {
			results = append(results, c.prefix.Result(o.VCC, o.Command.WorkNo, o.Command.ID))
			notes = append(notes, c.prefix.Parked(o.VCC, o.Command.ID))
		}
	}
	if len(notes) == 0 {
		return nil, nil
	}
	if !c.schedules() {
		return nil, ErrNoSchedules
	}
	late := map[string]error{}
	names := streams.NamesOf(c.prefix)
	err := c.lasts(ctx, names.Parked, notes, func(subject string, data []byte) {
		note, err := messages.DecodeParked(data)
		if err == nil && note.Cancelled != nil {
			late[strings.TrimPrefix(subject, string(c.prefix)+".parked.")] = ErrWithdrawn
		}
	})
	if err != nil {
		return nil, err
	}
	return late, c.lasts(ctx, names.Results, results, func(_ string, data []byte) {
		if r, err := messages.DecodeResult(data); err == nil {
			late[r.VCC+"."+r.ID] = fmt.Errorf("%w: %s", ErrEnded, r.Outcome)
		}
	})
}

// schedules reports whether the server can hold orders for later.
func (c *Client) schedules() bool {
	var major, minor int
	_, err := fmt.Sscanf(c.nc.ConnectedServerVersion(), "%d.%d", &major, &minor)
	return err != nil || major > 2 || major == 2 && minor >= 12
}
