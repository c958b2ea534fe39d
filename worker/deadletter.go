package worker

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// maxLetterHeader is more than the headers of a dead letter take.
const maxLetterHeader = 2 << 10

// bury ends an invalid command: its bytes go to the dead letters unchanged, a
// result goes out where it can be said whose, and the server forgets it. Until
// the dead letter is stored, the command is not.
func (w *Worker) bury(ctx context.Context, h *held, reason error) {
	msg, _ := h.delivery()
	letter := w.deadLetter(msg, h.seq, reason)
	err := insist(ctx, func() error {
		tryCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		_, err := w.js.PublishMsg(tryCtx, letter)
		return err
	}, func(err error, wait time.Duration) {
		w.log.LogAttrs(ctx, slog.LevelWarn, "dead letter not stored yet",
			slog.Uint64("seq", h.seq), slog.Any("error", err), slog.Duration("retry_in", wait))
	})
	if err != nil {
		return
	}
	id, workNo, readable := messages.Identify(msg.Data())
	if readable && !w.reject(ctx, msg, id, workNo, reason) {
		return
	}
	w.metrics.Dead()
	w.log.LogAttrs(ctx, slog.LevelWarn, "invalid command",
		slog.Uint64("seq", h.seq), slog.String("id", id), slog.String("work_no", workNo), slog.String("reason", reason.Error()))
	if err := msg.TermWithReason("invalid command, see " + letter.Subject); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "invalid command not acknowledged", slog.Uint64("seq", h.seq), slog.Any("error", err))
	}
}

func (w *Worker) deadLetter(msg jetstream.Msg, seq uint64, reason error) *nats.Msg {
	sequence := strconv.FormatUint(seq, 10)
	letter := &nats.Msg{
		Subject: w.cfg.Prefix.Dead(w.cfg.VCC),
		Data:    msg.Data(),
		Header: nats.Header{
			// One letter also where the message is delivered once more.
			jetstream.MsgIDHeader:   {w.cfg.Prefix.Stream("COMMANDS") + "-" + sequence},
			messages.HeaderError:    {reason.Error()},
			messages.HeaderSubject:  {msg.Subject()},
			messages.HeaderSequence: {sequence},
		},
	}
	// A payload that fills the server's max_payload leaves no room for the
	// headers; a letter that can never be stored would stay here for ever.
	if int64(len(letter.Data)) > w.nc.MaxPayload()-maxLetterHeader {
		letter.Header.Set(messages.HeaderTruncated, strconv.Itoa(len(letter.Data)))
		letter.Data = letter.Data[:messages.MaxCommandSize]
	}
	return letter
}

// reject stores the result of an invalid command whose id and agent are known.
func (w *Worker) reject(ctx context.Context, msg jetstream.Msg, id, workNo string, reason error) bool {
	r := messages.Result{
		ID: id, VCC: w.cfg.VCC, WorkNo: workNo,
		Outcome: messages.OutcomeRejected, Cause: messages.CauseInvalid,
		Error: reason.Error(), FinishedAt: time.Now(), Worker: w.cfg.Instance,
	}
	entry, err := w.ledger.entry(r, msg.Headers())
	if err == nil {
		_, err = w.ledger.store(ctx, r, entry)
	}
	if err != nil {
		return false
	}
	w.metrics.Result(r.Outcome, r.Cause)
	return true
}
