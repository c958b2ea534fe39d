// Package admit answers: may a delivered message run? It becomes a job, or is settled at
// once.
package admit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/health"
	"github.com/forcelogout/forcelogout/worker/intake"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/record"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Config is what an Admitter needs; all of it is required.
type Config struct {
	NATS       *nats.Conn
	JS         jetstream.JetStream
	Prefix     messages.Prefix
	Instance   string // name of this worker in results
	AckWait    time.Duration
	Reader     job.Reader
	Classifier *job.Classifier
	Commands   *record.Commands
	Book       *record.Book
	Letters    *record.Letters
	LookingUp  *health.Obstacle // looking whether a command may run
	Draining   <-chan struct{}  // closed when the worker shall end
	Log        *slog.Logger
	Metrics    *admin.Metrics
}

// Admitter decides about deliveries. It is safe for concurrent use.
type Admitter struct{ Config }

// New returns an admitter.
func New(c Config) *Admitter { return &Admitter{c} }

// Admit returns the job that a delivery is, and the sequence of its last note; no job
// where the message needs no further work: it is invalid, a repeat, done already, or not
// ours any more.
func (a *Admitter) Admit(ctx context.Context, d *intake.Delivery) (j *job.Job, note uint64) {
	cmd, err := a.Reader.Decode(d.Data())
	if err != nil {
		a.bury(ctx, d, err)
		return nil, 0
	}
	j = a.Reader.Job(cmd, record.SourceOf(d.Header(), d.Stored))
	j.Doubtful, j.Delivery = d.Doubtful, d.Number()
	if !a.isAlone(ctx, d, j) {
		return nil, 0
	}
	for {
		last, settled := a.look(ctx, d, j)
		if settled {
			return nil, 0
		}
		// Whoever holds the command may need a moment to record its end.
		until := clock.Earlier(last.restsUntil, j.Expires.Add(record.RecordTime))
		if !until.After(time.Now()) {
			return j, last.note
		}
		if !a.rest(ctx, d, j, until) {
			return nil, 0
		}
	}
}

// isAlone waits until nobody else in this process is at the command. An execution that
// has lost the same message may still be in a call. A repeat in another message is left
// to the server, which delivers it again after AckWait: the command has ended then, or
// its note says where it stands.
func (a *Admitter) isAlone(ctx context.Context, d *intake.Delivery, j *job.Job) bool {
	for {
		other := d.Claim(j.Command.ID)
		switch {
		case other == nil:
			return true
		case other.Seq != d.Seq && other.Remaining() > 0:
			a.Book.Skipped(ctx, j, "the same command is in hand")
			return false
		case d.Remaining() <= 0:
			a.Book.Lost(ctx, j)
			return false
		}
		if aside(ctx, d, other.Ended(), d.Remaining()); ctx.Err() != nil {
			return false
		}
	}
}

// aside lets a delivery wait for something of this process, at most for some time and
// without a slot. It reports whether that time has passed.
func aside(ctx context.Context, d *intake.Delivery, something <-chan struct{}, most time.Duration) (passed bool) {
	back, _ := d.StepAside()
	defer back()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-something:
	case <-ctx.Done():
	}
	return false
}

// rest lets the time pass until a command is this worker's alone. It reports false where
// the worker ends first: the command is left to AckWait, because a note that it was handed
// back would hide whose claim it waits for. That the command was withdrawn does not end
// the rest: somebody's call may be under way, and a question that is answered before it
// works would be answered wrongly.
func (a *Admitter) rest(ctx context.Context, d *intake.Delivery, j *job.Job, until time.Time) bool {
	a.Log.LogAttrs(ctx, slog.LevelInfo, "command rests, another worker may be at it", j.Attr(), slog.Time("until", until))
	return aside(ctx, d, a.Draining, time.Until(until))
}

// last is what is known of a command beside its message.
type last struct {
	note       uint64    // sequence of the note, 0 for none
	restsUntil time.Time // another worker may be at it until then
	result     []byte    // nil without one
	repeat     bool      // the same command stands in another message
}

// errUnproven: NATS does not say whether the consumer is the one that a delivery came from.
var errUnproven = errors.New("the consumer does not answer")

// look looks for the command's result and for how far it got before, and reports whether
// that settles it. It keeps asking until NATS answers: not knowing, the worker must not
// call.
func (a *Admitter) look(ctx context.Context, d *intake.Delivery, j *job.Job) (found last, settled bool) {
	err := health.Insist(ctx, func() (err error) {
		if d.Remaining() <= 0 {
			return backoff.Permanent(job.ErrLost)
		}
		found, err = a.lookOnce(ctx, d, j)
		return err
	}, func(err error, wait time.Duration) {
		a.LookingUp.Failed(ctx, err)
		a.Log.LogAttrs(ctx, slog.LevelDebug, "cannot tell yet whether the command may run", j.Attr(),
			slog.Any("error", err), slog.Duration("retry_in", wait))
	})
	if err == nil {
		a.LookingUp.Worked(ctx)
	}
	switch {
	case errors.Is(err, job.ErrLost):
		a.Book.Lost(ctx, j)
	case err != nil:
	case found.result != nil:
		a.Book.Skipped(ctx, j, "it has a result already")
		a.Book.Reply(ctx, j, d.Header(), found.result)
		a.Book.Settle(ctx, j, d.Ack())
	case found.repeat:
		a.Book.Skipped(ctx, j, "the same command stands in another message")
		a.Book.Settle(ctx, j, d.Ack())
	default:
		return found, false
	}
	return found, true
}

// lookOnce asks for result and note at once: NATS may be far.
func (a *Admitter) lookOnce(ctx context.Context, d *intake.Delivery, j *job.Job) (found last, err error) {
	j.Delivery, j.Contested = d.Number(), d.IsContested()
	isNew := !j.CouldBeDoubled(a.Commands.Window(), time.Now())
	note, ended := a.Book.Notes.Ask(j.Command.ID, isNew), a.Book.Ledger.Ask(j.VCC, j.Command.WorkNo, j.Command.ID, isNew)
	if found.result, err = a.Book.Ledger.Told(ctx, ended, j.Command.ID); err != nil || found.result != nil {
		return found, err
	}
	if isNew && (!d.IsProven(ctx) || d.IsContested()) {
		return found, errUnproven // a contested delivery is not new: look again, at the leader
	}
	return a.resume(ctx, d, j, note)
}

// resume takes up a command where it was left. A note of another message says that the
// same command may stand in the stream twice, as it does when it is published again after
// the duplicate window.
func (a *Admitter) resume(ctx context.Context, d *intake.Delivery, j *job.Job, asked *streams.Question) (found last, err error) {
	p, note, err := a.Book.Notes.Told(ctx, asked, j.Command.ID)
	if err != nil {
		return found, err
	}
	if p.IsOfAnother(d.Seq) {
		if found.repeat, err = a.Commands.IsAt(ctx, p.Sequence, j); found.repeat || err != nil {
			return found, err
		}
	}
	found.note = note
	j.Resume(p, note, d.Seq, a.Classifier)
	found.restsUntil = job.RestsUntil(p, a.AckWait, time.Now())
	if d.Doubtful {
		found.restsUntil = clock.Later(found.restsUntil, d.Rest)
	}
	return found, nil
}
