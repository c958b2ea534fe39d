package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

const (
	// answerTime is how long workers have to answer.
	answerTime = 1500 * time.Millisecond
	// quietTime is how long after an answer the next one may come.
	quietTime = 500 * time.Millisecond
)

// workers asks the workers of all VCCs how they stand, and takes the answers that come in
// time, by VCC.
func (c *Client) workers(ctx context.Context, vccs []string) (map[string][]messages.WorkerStatus, error) {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, vcc := range vccs {
		if err := c.nc.PublishRequest(c.prefix.Status(vcc), inbox+"."+vcc, nil); err != nil {
			return nil, fmt.Errorf("asking the workers: %w", err)
		}
	}
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	all := map[string][]messages.WorkerStatus{}
	for end, silent := time.Now().Add(answerTime), 0; silent < len(vccs); {
		m, err := sub.NextMsg(min(quietTime, time.Until(end)))
		if errors.Is(err, nats.ErrNoResponders) {
			silent++ // a VCC has no workers
			continue
		}
		if err != nil {
			break // no more will come
		}
		vcc := strings.TrimPrefix(m.Subject, inbox+".")
		if w, err := messages.DecodeWorkerStatus(m.Data); err == nil && w.Worker != "" {
			all[vcc] = append(all[vcc], w)
		}
	}
	for _, workers := range all {
		slices.SortFunc(workers, func(a, b messages.WorkerStatus) int { return strings.Compare(a.Worker, b.Worker) })
	}
	// Where this user may not ask, "no workers" would be wrong.
	if denied := forbidden(c.nc, ""); denied != nil && len(all) == 0 {
		return nil, fmt.Errorf("asking the workers: %w", denied)
	}
	return all, ctx.Err()
}

// consumers are the workers' consumers, by VCC.
func (c *Client) consumers(ctx context.Context) (map[string]*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*readTime)
	defer cancel()
	stream, err := c.js.Stream(ctx, c.names.Commands)
	if err != nil {
		return nil, c.explain("reading the stream "+c.names.Commands, err)
	}
	all := map[string]*jetstream.ConsumerInfo{}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		if vcc, is := strings.CutPrefix(info.Name, c.prefix.Consumer("")); is && messages.ValidateVCC(vcc) == nil {
			all[vcc] = info
		}
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, c.explain("listing the workers' consumers", err)
	}
	return all, nil
}
