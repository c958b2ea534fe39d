package admit

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/record"
)

const (
	// firstInvalidRest is how long an invalid command rests whose dead letter could not
	// be stored; it doubles with each delivery.
	firstInvalidRest   = time.Second
	longestInvalidRest = 30 * time.Second
)

// bury ends an invalid command: a result goes out where it can be said whose, its bytes
// go to the dead letters unchanged, and the server forgets it. Where one of these cannot
// be stored, the command rests on the server: here it would keep others out.
func (a *Admitter) bury(ctx context.Context, d *intake.Delivery, reason error) {
	id, workNo, readable := messages.Identify(d.Data())
	if readable {
		if err := a.reject(ctx, d, id, workNo, reason); err != nil {
			a.restInvalid(ctx, d, err)
			return
		}
	}
	err := a.Letters.Write(ctx, record.Invalid{Sequence: d.Seq, Subject: d.Subject(), Data: d.Data(), Reason: reason})
	if err != nil {
		a.restInvalid(ctx, d, err)
		return
	}
	if err := d.Term("invalid command, see " + a.Prefix.Dead(a.Reader.VCC)); err != nil {
		a.Log.LogAttrs(ctx, slog.LevelWarn, "invalid command not acknowledged", slog.Uint64("seq", d.Seq), slog.Any("error", err))
	}
}

// restInvalid gives an invalid command back to the server for a while.
func (a *Admitter) restInvalid(ctx context.Context, d *intake.Delivery, why error) {
	if d.Remaining() <= 0 {
		return
	}
	rest := invalidRest(d.Number())
	d.Drop()
	if err := d.Nak(rest); err != nil {
		a.Log.LogAttrs(ctx, slog.LevelDebug, "invalid command not handed back", slog.Uint64("seq", d.Seq), slog.Any("error", err))
		return
	}
	a.Metrics.HandedBack()
	a.Log.LogAttrs(ctx, slog.LevelDebug, "invalid command handed back",
		slog.Uint64("seq", d.Seq), slog.Duration("delay", rest), slog.Any("error", why))
}

func invalidRest(delivery uint64) time.Duration {
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstInvalidRest), backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0), backoff.WithMaxInterval(longestInvalidRest), backoff.WithMaxElapsedTime(0))
	for range min(delivery, 10) - 1 {
		pauses.NextBackOff()
	}
	return pauses.NextBackOff()
}

// reject stores the result of an invalid command whose id and agent are known.
func (a *Admitter) reject(ctx context.Context, d *intake.Delivery, id, workNo string, reason error) error {
	return a.Book.Reject(ctx, d.Header(), messages.Result{
		ID: id, VCC: a.Reader.VCC, WorkNo: workNo,
		Outcome: messages.OutcomeRejected, Cause: messages.CauseInvalid,
		Error: reason.Error(), FinishedAt: time.Now(), Worker: a.Instance,
	})
}
