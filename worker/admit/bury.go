package admit

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/record"
)

const (
	// firstInvalidRest is how long an invalid command rests whose dead letter could not
	// be stored; it doubles with each delivery.
	firstInvalidRest   = time.Second
	longestInvalidRest = 30 * time.Second
	// maxReason is how much of the reason a dead letter carries, in bytes.
	maxReason = 1 << 10
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
	letter := a.deadLetter(d, reason)
	var first bool
	err := a.Burying.Try(ctx, func(ctx context.Context) error {
		ack, err := a.JS.PublishMsg(ctx, letter)
		record.Measure(ctx, a.Dead, err)
		first = err == nil && !ack.Duplicate
		return err
	})
	if err != nil {
		a.restInvalid(ctx, d, err)
		return
	}
	if first {
		a.Metrics.Dead()
		a.Log.LogAttrs(ctx, slog.LevelWarn, "invalid command",
			slog.Uint64("seq", d.Seq), slog.String("id", id), slog.String("work_no", workNo), slog.String("reason", reason.Error()))
	}
	if err := d.Term("invalid command, see " + letter.Subject); err != nil {
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

func (a *Admitter) deadLetter(d *intake.Delivery, reason error) *nats.Msg {
	sequence := strconv.FormatUint(d.Seq, 10)
	letter := &nats.Msg{
		Subject: a.Prefix.Dead(a.Reader.VCC),
		Data:    d.Data(),
		Header: nats.Header{
			// One letter also where the message is delivered once more.
			jetstream.MsgIDHeader:   {a.Prefix.Stream("COMMANDS") + "-" + sequence},
			messages.HeaderError:    {record.Head(reason.Error(), maxReason)},
			messages.HeaderSubject:  {d.Subject()},
			messages.HeaderSequence: {sequence},
		},
	}
	a.shorten(letter)
	return letter
}

// shorten makes a letter fit: one that can never be stored would come again for ever.
func (a *Admitter) shorten(letter *nats.Msg) {
	limit := record.SizeLimit(a.NATS, a.Dead)
	if letter.Size() <= limit {
		return
	}
	whole := len(letter.Data)
	letter.Header.Set(messages.HeaderTruncated, strconv.Itoa(whole))
	if over := letter.Size() - whole - limit; over > 0 {
		reason := letter.Header.Get(messages.HeaderError)
		letter.Header.Set(messages.HeaderError, record.Head(reason, max(0, len(reason)-over)))
	}
	letter.Data = letter.Data[:min(whole, max(0, limit-(letter.Size()-whole)))]
}

// reject stores the result of an invalid command whose id and agent are known.
func (a *Admitter) reject(ctx context.Context, d *intake.Delivery, id, workNo string, reason error) error {
	return a.Book.Reject(ctx, d.Header(), messages.Result{
		ID: id, VCC: a.Reader.VCC, WorkNo: workNo,
		Outcome: messages.OutcomeRejected, Cause: messages.CauseInvalid,
		Error: reason.Error(), FinishedAt: time.Now(), Worker: a.Instance,
	})
}
