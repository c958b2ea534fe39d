package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// Filter says whose results to follow. Empty fields mean all.
type Filter struct {
	VCC, WorkNo string
	Since       time.Time // results stored from then on; zero means from now on
}

func (f Filter) tokens() (vcc, workNo string) {
	vcc, workNo = f.VCC, f.WorkNo
	if vcc == "" {
		vcc = messages.AnyToken
	}
	if workNo == "" {
		workNo = messages.AnyToken
	}
	return vcc, workNo
}

// Results is a feed of results in the order in which they were stored.
type Results struct {
	messages jetstream.MessagesContext
	pending  uint64
}

// Results opens a feed. It will bring every result that is stored after Results has
// returned.
func (c *Client) Results(ctx context.Context, f Filter) (*Results, error) {
	stream, err := c.js.Stream(ctx, c.names.Results)
	if err != nil {
		return nil, c.explain("following results", err)
	}
	vcc, workNo := f.tokens()
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{c.prefix.Result(vcc, workNo, messages.AnyToken)},
		DeliverPolicy:  jetstream.DeliverByStartTimePolicy,
		OptStartTime:   &f.Since,
	}
	if f.Since.IsZero() {
		// From a sequence and not from a time: this machine's clock may be ahead of the
		// server's.
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartSequencePolicy, nil
		cfg.OptStartSeq = stream.CachedInfo().State.LastSeq + 1
	}
	consumer, err := stream.OrderedConsumer(ctx, cfg)
	if err != nil {
		return nil, c.explain("following results", err)
	}
	feed, err := consumer.Messages(jetstream.PullMaxMessages(pullSize(consumer)))
	if err != nil {
		return nil, fmt.Errorf("following results: %w", err)
	}
	return &Results{messages: feed, pending: consumer.CachedInfo().NumPending}, nil
}

// pullSize is how many results are asked for at a time. The server may have a limit for
// that number, which it writes into each consumer. A request above the limit gets
// nothing.
func pullSize(consumer jetstream.Consumer) int {
	const usual = 500 // as nats.go does
	return pullUpTo(consumer, usual)
}

func pullUpTo(consumer jetstream.Consumer, usual int) int {
	if limit := consumer.CachedInfo().Config.MaxRequestBatch; limit > 0 {
		return min(usual, limit)
	}
	return usual
}

// Next waits for the next result and returns it with its JSON. The error is the
// context's when that ends.
func (r *Results) Next(ctx context.Context) (messages.Result, []byte, error) {
	for {
		msg, err := r.messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			return messages.Result{}, nil, ctx.Err()
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the library opens the feed again
		case err != nil:
			return messages.Result{}, nil, fmt.Errorf("following results: %w", err)
		}
		if about, err := msg.Metadata(); err == nil {
			r.pending = about.NumPending
		}
		result, err := messages.DecodeResult(msg.Data())
		if err != nil {
			continue // not a result of a worker; an observer must survive it
		}
		return result, msg.Data(), nil
	}
}

// Pending is how many results were to come after the last one that Next has returned, or
// when the feed was opened.
func (r *Results) Pending() uint64 { return r.pending }

// Close ends the feed.
func (r *Results) Close() { r.messages.Stop() }

// Progress calls handle for each live event until stop is called. Events that
// come faster than handle takes them are lost.
func (c *Client) Progress(f Filter, handle func(messages.Progress, []byte)) (stop func(), err error) {
	vcc, workNo := f.tokens()
	sub, err := c.nc.Subscribe(c.prefix.Progress(vcc, workNo, messages.AnyToken), func(msg *nats.Msg) {
		if p, err := messages.DecodeProgress(msg.Data); err == nil {
			handle(p, msg.Data)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("following progress: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// GatewayStates calls handle each time a worker finds its gateway down or back,
// until stop is called.
func (c *Client) GatewayStates(f Filter, handle func(messages.GatewayState, []byte)) (stop func(), err error) {
	vcc, _ := f.tokens()
	sub, err := c.nc.Subscribe(c.prefix.GatewayState(vcc), func(msg *nats.Msg) {
		if s, err := messages.DecodeGatewayState(msg.Data); err == nil {
			handle(s, msg.Data)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("following gateways: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
