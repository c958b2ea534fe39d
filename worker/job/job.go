package job

import (
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Job is one command on its way through a worker. It belongs to one goroutine at a time.
type Job struct {
	VCC     string
	Command messages.Command

	Stored      time.Time // when the stream took its message
	FirstStored time.Time // the same, or earlier where it was published again
	IssuedAt    time.Time // by the publisher, or when the stream first took the command
	Expires     time.Time // no call begins after it
	DueAt       time.Time // no call begins before it; zero for at once

	HasOwnID  bool   // its message came with the Nats-Msg-Id by which the stream finds repeats
	Doubtful  bool   // the consumer does not know whether somebody has had it
	Contested bool   // the consumer has had two leaders: another one may deliver it, too
	Delivery  uint64 // number of the present delivery, from 1; 0 where it is not in hand

	Calls     int       // force-logout calls made, also by earlier workers
	Spent     int       // calls that count against the attempts
	StartedAt time.Time // of the first call; zero before
	Called    bool      // by this worker, since it took the command up

	Redelivered bool      // an earlier worker may have called already
	Effect      Effect    // of all calls
	QueryFirst  bool      // the agent's state decides before the next call
	OpenUntil   time.Time // a call may go on at the gateway until then: somebody else's, or one without an answer
	Unread      int       // state queries in a row that were not answered

	Cancelled *messages.Cancellation // nil unless withdrawn
	Ending    bool                   // it was withdrawn, and only its end is looked for
	Protected bool                   // as of now: its agent may not be called for
	Confirmed *bool                  // whether its sign-out was seen; nil where nobody looked

	AgentState  messages.AgentState // as last told before a call; "" where nobody asked
	Unasked     bool                // a condition could not be asked at the last look
	WrapUpSince time.Time           // since when the agent is at their after-call work; zero where they are not

	Out      *messages.SignedOut // nil unless its agent is signed out, and one more look is to come
	Returned *bool               // whether they were back at the look; nil where nobody could see

	Orphan    error          // why nobody can call for it: nobody knows the inspector whom it names; nil while that is open
	Inspector string         // who acted
	Avoid     string         // who had no right to
	Answer    gateway.Answer // the last one to a call
	Verdict   Verdict        // of Answer
	Trouble   string         // what the last call came to, for people
	Down      bool           // the last exchange failed, and the gateway counts as down

	renewals  int           // in a row, of sessions
	overtaken int           // calls in a row that were refused because somebody else's was under way
	waitsFor  Reason        // the next wait's
	state     gateway.State // as last told, at lookedAt
	lookedAt  time.Time     // zero where nothing was told in this attempt
}

// New settles a command's times. Its message was stored at one time, and at an earlier one
// if it was stored again; it lives for maxAge where it does not say how long.
func New(vcc string, cmd messages.Command, stored, first time.Time, maxAge time.Duration) *Job {
	j := &Job{VCC: vcc, Command: cmd, Stored: stored, FirstStored: first, IssuedAt: cmd.IssuedAt, DueAt: cmd.NotBefore}
	if j.IssuedAt.IsZero() {
		j.IssuedAt = first
	}
	j.Expires = cmd.Expiry(j.IssuedAt, maxAge)
	return j
}

// Attr says in a log line which command it is about.
func (j *Job) Attr() slog.Attr {
	return slog.Group("command", slog.String("id", j.Command.ID), slog.String("work_no", j.Command.WorkNo))
}

// Began notes that a call begins, in an inspector's name.
func (j *Job) Began(inspector string, now time.Time) {
	j.Called = true
	if j.StartedAt.IsZero() {
		j.StartedAt = now
	}
	j.Calls++
	j.Inspector = inspector
}

// CouldBeDoubled reports whether another worker may have the same command in hand, from
// this message or another one. The stream's window keeps repeats out only while it lasts,
// and only of commands with a Nats-Msg-Id; so a command that lives longer than the window
// could be there twice, and where a publisher fixed its end alone nobody knows how long it
// lives.
func (j *Job) CouldBeDoubled(window time.Duration, now time.Time) bool {
	endOnly := j.Command.IssuedAt.IsZero() && !j.Command.ExpiresAt.IsZero()
	return j.Delivery > 1 || j.Doubtful || j.Contested || j.Redelivered || !j.HasOwnID || endOnly ||
		now.Sub(j.Stored) >= window || j.Expires.Sub(clock.Earlier(j.IssuedAt, j.Stored)) > window
}

// dueIn is how long the command has to wait, 0 where it is due.
func (j *Job) dueIn(now time.Time) time.Duration {
	// Never due before the zero time: the difference would overflow.
	if j.DueAt.IsZero() {
		return 0
	}
	return max(0, j.DueAt.Sub(now))
}
