// Package record writes down what happens to commands: results in the ledger, notes of how
// far they got, live events, log lines and metrics.
package record

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/job"
)

// RecordTime is how long after a command's end a worker may need to record it.
const RecordTime = 2 * time.Second

// Config is what a Book needs; all of it is required.
type Config struct {
	NATS     *nats.Conn
	JS       jetstream.JetStream
	Prefix   messages.Prefix
	VCC      string
	Instance string // name of this worker in results
	Ledger   *Ledger
	Notes    *Notes
	Most     int // results on their way at a time
	Log      *slog.Logger
	Metrics  *admin.Metrics
}

// Book records how commands end: in the ledger, to whoever asked for a reply, in the
// metrics and in the log. Only the worker whose result the ledger took speaks of it.
type Book struct {
	Config
	outbox *outbox
}

// NewBook returns a book that records once Run is under way.
func NewBook(c Config) *Book {
	b := &Book{Config: c}
	b.outbox = newOutbox(c.NATS, c.JS, c.Most, b.stored, b.storeAgain)
	return b
}

// Run sends what is told until Close, and returns when it is known of each result what
// became of it. When the context ends it waits no longer.
func (b *Book) Run(ctx context.Context) { b.outbox.run(ctx) }

// Close ends Run. Nothing may be told any more.
func (b *Book) Close() { b.outbox.close() }

// End is how a command ends.
type End struct {
	Job    *job.Job
	Header nats.Header // of its message
	Note   uint64      // sequence of its last note, 0 for none
	Ending job.Ending
	Done   func() error // takes it out of the stream, once the result is stored
	// Release is called last, whatever became of the result; nil for nothing.
	Release func()
}

// posted is an end on its way into the ledger.
type posted struct {
	End
	result messages.Result
	entry  *nats.Msg
}

func (r *posted) release() {
	if r.Release != nil {
		r.Release()
	}
}

// newEntry says in the log where there can be none.
func (b *Book) newEntry(ctx context.Context, e End) *posted {
	r := b.result(e)
	entry, err := b.Ledger.entry(r, e.Header)
	if err != nil {
		b.logUnstored(ctx, e.Job, err)
		return nil
	}
	return &posted{e, r, entry}
}

// Post records an end while the caller goes on: the result first, then the
// acknowledgement. Between the two a crash costs one look into the ledger, never a second
// call.
func (b *Book) Post(ctx context.Context, e End) {
	if r := b.newEntry(ctx, e); r != nil {
		b.outbox.in <- outgoing{posted: r}
	} else if e.Release != nil {
		e.Release()
	}
}

// Record records an end, and returns when that is done.
func (b *Book) Record(ctx context.Context, e End) {
	if r := b.newEntry(ctx, e); r != nil {
		b.store(ctx, r)
		r.release()
	}
}

// stored goes on with an end that the ledger has taken.
func (b *Book) stored(ctx context.Context, r *posted) {
	b.Ledger.Storing.Worked(ctx)
	b.conclude(ctx, r)
	r.release()
}

// storeAgain is for a result that the ledger did not take at once: there may be one
// already, or NATS may be away.
func (b *Book) storeAgain(ctx context.Context, r *posted) {
	b.store(ctx, r)
	r.release()
}

func (b *Book) store(ctx context.Context, r *posted) {
	stored, err := b.Ledger.store(ctx, r.result, r.entry)
	switch {
	case err != nil:
		b.logUnstored(ctx, r.Job, err)
	case !bytes.Equal(stored, r.entry.Data):
		// Only the worker whose result the stream took speaks of it.
		b.Skipped(ctx, r.Job, "another worker's result was there first")
		b.Settle(ctx, r.Job, r.Done())
	default:
		b.conclude(ctx, r)
	}
}

// conclude sends the reply about a command whose result is stored, and takes the
// command out of the stream.
func (b *Book) conclude(ctx context.Context, ended *posted) {
	j, r := ended.Job, ended.result
	b.Reply(ctx, j, ended.Header, ended.entry.Data)
	b.Settle(ctx, j, ended.Done())
	if ended.Note != 0 && j.Cancelled == nil { // the note of a withdrawal is still needed later
		b.Notes.Forget(j.Command.ID, ended.Note)
	}
	b.Metrics.Result(r.Outcome, r.Cause)
	b.Metrics.Lateness(r.Outcome, r.FinishedAt.Sub(due(j)))
	if r.Returned != nil && *r.Returned {
		b.Metrics.Returned()
	}
	level := resultLevel(r.Outcome)
	if !b.Log.Enabled(ctx, level) {
		return
	}
	b.Log.LogAttrs(ctx, level, "command ended", j.Attr(),
		slog.String("outcome", string(r.Outcome)), slog.String("cause", string(r.Cause)), slog.String("retcode", r.Retcode),
		slog.Int("attempts", r.Attempts), slog.String("error", r.Error), slog.Duration("age", r.FinishedAt.Sub(r.IssuedAt)))
}

// due is from when on a command that has not ended is late. An agent on a call may end it
// before graceUntil, so until then nobody is late.
func due(j *job.Job) time.Time {
	return clock.Later(j.FirstStored, clock.Later(j.Command.NotBefore, j.Command.GraceUntil))
}

func (b *Book) result(e End) messages.Result {
	j := e.Job
	r := messages.Result{
		ID: j.Command.ID, VCC: b.VCC, WorkNo: j.Command.WorkNo, Inspector: j.Inspector,
		Reason: j.Command.Reason, RequestedBy: j.Command.RequestedBy, Meta: j.Command.Meta,
		NotBefore: j.Command.NotBefore,
		Outcome:   e.Ending.Outcome(), Cause: e.Ending.Cause(), Error: e.Ending.Text(),
		Retcode: j.Answer.Retcode, Message: j.Answer.Message, HTTPStatus: j.Answer.HTTPStatus,
		Attempts: j.Calls, Redelivered: j.Redelivered, Confirmed: j.Confirmed,
		AgentState: j.AgentState, Conditions: conditions(j), Returned: j.Returned,
		IssuedAt: j.IssuedAt, StartedAt: j.StartedAt, FinishedAt: time.Now(),
		Worker: b.Instance,
	}
	if j.Out != nil {
		r.FinishedAt = j.Out.At
	}
	return r
}

// conditions says whether one of the command's could not be asked.
func conditions(j *job.Job) string {
	if j.Unasked {
		return messages.ConditionsUnknown
	}
	return ""
}

// Reply sends the stored result to whom the command asked for. The header is of its
// message.
func (b *Book) Reply(ctx context.Context, j *job.Job, header nats.Header, result []byte) {
	if j.Command.ReplyTo == "" {
		return
	}
	r, err := messages.DecodeResult(result)
	if err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "the stored result is unreadable, no reply", j.Attr(), slog.Any("error", err))
		return
	}
	reply := &nats.Msg{Subject: j.Command.ReplyTo, Data: result, Header: resultHeader(b.Prefix, r, header)}
	if int64(reply.Size()) > b.NATS.MaxPayload() {
		for _, name := range traceHeaders() {
			reply.Header.Del(name)
		}
	}
	if err := b.NATS.PublishMsg(reply); err != nil {
		b.Log.LogAttrs(ctx, unsentLevel(err), "reply not sent", j.Attr(), slog.String("reply_to", j.Command.ReplyTo), slog.Any("error", err))
	}
}

func resultLevel(o messages.Outcome) slog.Level {
	if o.Success() {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// Reject stores the result of a command that is invalid. It tries once; while results
// cannot be stored it returns at once.
func (b *Book) Reject(ctx context.Context, header nats.Header, r messages.Result) error {
	entry, err := b.Ledger.entry(r, header)
	if err != nil {
		return err
	}
	return b.Ledger.Storing.Try(ctx, func(ctx context.Context) error {
		first, err := b.Ledger.storeOnce(ctx, entry, r)
		if err == nil && bytes.Equal(first, entry.Data) {
			b.Metrics.Result(r.Outcome, r.Cause)
		}
		return err
	})
}
