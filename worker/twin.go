package worker

import (
	"cmp"
	"context"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// checkTwin looks whether the same command stands, or stood, in the stream under its own
// Nats-Msg-Id: a worker executes that one without a claim. It is asked of messages that
// came without it.
func (w *Worker) checkTwin(ctx context.Context, x *execution) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	seq, err := streams.StoredUnder(ctx, w.js, w.commands.CachedInfo().Config,
		w.cfg.Prefix.Commands(w.cfg.VCC), messages.MessageID(w.cfg.VCC, x.cmd.ID))
	if err != nil || seq == 0 {
		return err
	}
	there, err := w.isThere(ctx, seq, x)
	if err != nil || there {
		return cmp.Or(err, errTwin)
	}
	// Results come before acknowledgements: had it been this command, there is one.
	result, err := w.ledger.find(ctx, w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID)
	if err != nil || result != nil {
		return cmp.Or(err, errSettled)
	}
	return nil
}
