package worker

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
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
func (w *Worker) bury(ctx context.Context, h *held, reason error) {
	msg, _ := h.delivery()
	id, workNo, readable := messages.Identify(msg.Data())
	if readable {
		if err := w.reject(ctx, msg, id, workNo, reason); err != nil {
			w.restInvalid(ctx, h, err)
			return
		}
	}
	letter := w.deadLetter(msg, h.seq, reason)
	var first bool
	err := w.letters.try(ctx, func(ctx context.Context) error {
		ack, err := w.js.PublishMsg(ctx, letter)
		first = err == nil && !ack.Duplicate
		return err
	})
	if err != nil {
		w.restInvalid(ctx, h, err)
		return
	}
	if first {
		w.metrics.Dead()
		w.log.LogAttrs(ctx, slog.LevelWarn, "invalid command",
			slog.Uint64("seq", h.seq), slog.String("id", id), slog.String("work_no", workNo), slog.String("reason", reason.Error()))
	}
	if err := msg.TermWithReason("invalid command, see " + letter.Subject); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "invalid command not acknowledged", slog.Uint64("seq", h.seq), slog.Any("error", err))
	}
}

// restInvalid gives an invalid command back to the server for a while.
func (w *Worker) restInvalid(ctx context.Context, h *held, why error) {
	if w.leases.remaining(h) <= 0 {
		return
	}
	msg, delivery := h.delivery()
	rest := invalidRest(delivery)
	w.leases.drop(h)
	if err := msg.NakWithDelay(rest); err != nil {
		w.log.LogAttrs(ctx, slog.LevelDebug, "invalid command not handed back", slog.Uint64("seq", h.seq), slog.Any("error", err))
		return
	}
	w.metrics.HandedBack()
	w.log.LogAttrs(ctx, slog.LevelDebug, "invalid command handed back",
		slog.Uint64("seq", h.seq), slog.Duration("delay", rest), slog.Any("error", why))
}

func invalidRest(delivery uint64) time.Duration {
	return min(firstInvalidRest<<min(delivery-1, 10), longestInvalidRest)
}

func (w *Worker) deadLetter(msg jetstream.Msg, seq uint64, reason error) *nats.Msg {
	sequence := strconv.FormatUint(seq, 10)
	letter := &nats.Msg{
		Subject: w.cfg.Prefix.Dead(w.cfg.VCC),
		Data:    msg.Data(),
		Header: nats.Header{
			// One letter also where the message is delivered once more.
			jetstream.MsgIDHeader:   {w.cfg.Prefix.Stream("COMMANDS") + "-" + sequence},
			messages.HeaderError:    {head(reason.Error(), maxReason)},
			messages.HeaderSubject:  {msg.Subject()},
			messages.HeaderSequence: {sequence},
		},
	}
	w.shortenLetter(letter)
	return letter
}

// shortenLetter makes a letter fit: one that can never be stored would come again for
// ever.
func (w *Worker) shortenLetter(letter *nats.Msg) {
	limit := sizeLimit(w.nc, w.deadStream)
	if letter.Size() <= limit {
		return
	}
	whole := len(letter.Data)
	letter.Header.Set(messages.HeaderTruncated, strconv.Itoa(whole))
	if over := letter.Size() - whole - limit; over > 0 {
		reason := letter.Header.Get(messages.HeaderError)
		letter.Header.Set(messages.HeaderError, head(reason, max(0, len(reason)-over)))
	}
	letter.Data = letter.Data[:min(whole, max(0, limit-(letter.Size()-whole)))]
}

// reject stores the result of an invalid command whose id and agent are known.
func (w *Worker) reject(ctx context.Context, msg jetstream.Msg, id, workNo string, reason error) error {
	r := messages.Result{
		ID: id, VCC: w.cfg.VCC, WorkNo: workNo,
		Outcome: messages.OutcomeRejected, Cause: messages.CauseInvalid,
		Error: reason.Error(), FinishedAt: time.Now(), Worker: w.cfg.Instance,
	}
	entry, err := w.ledger.entry(r, msg.Headers())
	if err != nil {
		return err
	}
	return w.ledger.storing.try(ctx, func(ctx context.Context) error {
		first, err := w.ledger.storeOnce(ctx, entry, r)
		if err == nil && bytes.Equal(first, entry.Data) {
			w.metrics.Result(r.Outcome, r.Cause)
		}
		return err
	})
}
