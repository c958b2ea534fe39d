package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// headerStored carries the time at which the stream first stored a command that
// the worker had to publish again.
const headerStored = "Forcelogout-Stored-At"

// identify publishes a command again under its id, for publishers that did not
// set Nats-Msg-Id: then the stream's own duplicate window makes it one command,
// however often and to however many workers it came. It reports whether that
// settled this message; if not, the command is to be executed from it.
func (w *Worker) identify(ctx context.Context, x *execution) (settled bool) {
	msg, _ := x.held.delivery()
	again := &nats.Msg{Subject: msg.Subject(), Data: msg.Data(), Header: nats.Header{
		jetstream.MsgIDHeader: {x.cmd.ID},
		headerStored:          {x.issuedAt.UTC().Format(time.RFC3339Nano)},
	}}
	for _, name := range traceHeaders() {
		if value := msg.Headers().Get(name); value != "" {
			again.Header[name] = []string{value}
		}
	}
	unlike := false
	err := insist(ctx, func() (err error) {
		unlike, err = w.publishUnderID(ctx, x, again)
		return err
	}, func(err error, wait time.Duration) {
		w.log.LogAttrs(ctx, slog.LevelWarn, "command not published under its id yet", x.attr(),
			slog.Any("error", err), slog.Duration("retry_in", wait))
	})
	if err != nil {
		return true
	}
	if unlike {
		return false
	}
	w.settle(ctx, x, msg.Ack())
	return true
}

// publishUnderID reports whether the stream took the command for a repeat of one
// that is not the same: the duplicate window spans all VCCs, ids do not.
func (w *Worker) publishUnderID(ctx context.Context, x *execution, again *nats.Msg) (unlike bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	ack, err := w.js.PublishMsg(ctx, again)
	if err != nil {
		return false, fmt.Errorf("publishing %s under its id: %w", x.cmd.ID, err)
	}
	if !ack.Duplicate {
		return false, nil
	}
	first, err := w.commands.GetMsg(ctx, ack.Sequence)
	if err == nil {
		return first.Subject != again.Subject, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, fmt.Errorf("reading the command that %s repeats: %w", x.cmd.ID, err)
	}
	// Results come before acknowledgements: had it been this command, there
	// would be one.
	result, err := w.ledger.find(ctx, w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID)
	return result == nil, err
}
