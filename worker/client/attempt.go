package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// denialLook is how often a wait for an acknowledgement looks whether the server has
// refused the message: the server tells a refusal to the connection and not to whoever
// waits.
const denialLook = 100 * time.Millisecond

// pending is an order until it has its receipt.
type pending struct {
	order   Order
	sent    bool // an attempt had no answer, so the order may have been stored
	puzzled bool // NATS knew the id, and had nothing under it
	subject string
	future  jetstream.PubAckFuture
	receipt *Receipt
}

func (x *pending) decide(state State, there *Existing, err error) {
	x.receipt = &Receipt{Order: x.order, State: state, There: there, Err: err}
}

func (x *pending) target() target { return target{x.order.key(), x.order.Command.WorkNo} }

// attempt looks at what NATS knows of the orders, sends those of which NATS knows
// nothing, and takes the answers. An order that is undecided after that is for the next
// attempt; the error says why it is, as far as that is known.
func (p *publishing) attempt(ctx context.Context, open []*pending) error {
	if !p.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	targets := make([]target, len(open))
	for i, x := range open {
		targets[i] = x.target()
	}
	found, err := p.look(ctx, targets)
	if err != nil {
		return err
	}
	var failure error
	for _, x := range open {
		x.future = nil
		there := found[x.order.key()]
		err := p.judge(ctx, x, there)
		if err == nil && x.receipt == nil {
			err = p.publish(x, there)
		}
		if err != nil {
			failure = err
		}
	}
	for _, x := range open {
		if x.future == nil {
			continue
		}
		if err := p.await(ctx, x); err != nil {
			failure = err
		}
	}
	return failure
}

// publish sends an order. An error leaves the order to another attempt.
func (p *publishing) publish(x *pending, f *facts) error {
	data, err := x.order.Command.Encode()
	if err != nil {
		x.decide(Refused, nil, err)
		return nil
	}
	commands := p.prefix.Commands(x.order.VCC)
	msg := &nats.Msg{Subject: commands, Data: data}
	opts := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)}
	if x.order.At.IsZero() && f.held == nil {
		opts = append(opts, jetstream.WithMsgID(messages.MessageID(x.order.VCC, x.order.Command.ID)))
	} else {
		// No message id, which would keep an order from being moved. What keeps two orders
		// with one id apart is that this one replaces only the message that was looked at.
		msg.Subject = p.prefix.Schedule(x.order.VCC, x.order.Command.ID)
		opts = append(opts, jetstream.WithScheduleAt(x.order.due()), jetstream.WithScheduleTarget(commands),
			jetstream.WithExpectLastSequencePerSubject(f.stored.Sequence))
	}
	if x.subject = msg.Subject; p.denied[x.subject] != nil {
		x.decide(Refused, nil, p.denied[x.subject])
		return nil
	}
	if x.future, err = p.js.PublishMsgAsync(msg, opts...); err != nil {
		return p.answered(x, err)
	}
	return nil
}

// await takes the answer to an order that was sent.
func (p *publishing) await(ctx context.Context, x *pending) error {
	look := time.NewTicker(denialLook)
	defer look.Stop()
	for {
		if denied := p.denied[x.subject]; denied != nil {
			x.decide(Refused, nil, denied)
			return nil
		}
		select {
		case ack := <-x.future.Ok():
			if ack.Duplicate {
				return p.repeat(ctx, x, ack.Sequence)
			}
			x.decide(Stored, nil, nil)
			return nil
		case err := <-x.future.Err():
			x.sent = x.sent || unanswered(err)
			return p.answered(x, err)
		case <-ctx.Done():
			x.sent = true
			return ctx.Err()
		case <-look.C:
			p.hearDenial(x.subject)
		}
	}
}

// hearDenial remembers that the server has refused a message on a subject.
func (p *publishing) hearDenial(subject string) {
	var denied *PermissionError
	if err := forbidden(p.nc, subject); errors.As(err, &denied) && denied.Action == "publish" {
		p.denied[subject] = denied
	}
}

// answered decides an order that NATS has not stored, or leaves the order to another
// attempt.
func (p *publishing) answered(x *pending, err error) error {
	var said *jetstream.APIError
	switch {
	case streams.Overtaken(err):
		return nil // the next look finds what is there now
	case errors.Is(err, jetstream.ErrMessageSchedulesDisabled):
		x.decide(Refused, nil, ErrNoSchedules)
		return nil
	case errors.Is(err, nats.ErrMaxPayload), errors.As(err, &said) && !streams.IsPassing(said):
		x.decide(Refused, nil, fmt.Errorf("NATS refuses the command: %w", err))
		return nil
	}
	return p.explain("storing commands", err)
}

// unanswered reports whether a message may have been stored in spite of an error.
func unanswered(err error) bool {
	var said *jetstream.APIError
	return !errors.As(err, &said) && !errors.Is(err, jetstream.ErrNoStreamResponse)
}
