package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/protect"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/session"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Retry is when a transient failure is tried again.
type Retry = job.Retry

// Grace is what an agent on a call has where a command does not say.
type Grace = job.Grace

// Defaults of Retry: about two minutes in all, unless the command expires first.
const (
	DefaultMaxAttempts  = job.DefaultMaxAttempts
	DefaultRetryInitial = job.DefaultRetryInitial
	DefaultRetryMax     = job.DefaultRetryMax
)

// Class is what an answer of the gateway means for the command.
type Class = retcode.Class

// The classes.
const (
	ClassSuccess   = retcode.Success
	ClassTransient = retcode.Transient
	ClassSession   = retcode.Session
	ClassPermanent = retcode.Permanent
)

// Defaults of Config.
const (
	DefaultConcurrency  = 64
	DefaultCallTimeout  = 10 * time.Second
	DefaultDrainTimeout = 25 * time.Second
	DefaultWatchPeriod  = 20 * time.Second
)

// Config is what one worker of one VCC needs. Zero values of optional settings
// mean their defaults.
type Config struct {
	Prefix   messages.Prefix // required
	VCC      string          // required
	Instance string          // name of this worker in results and logs; required
	API      streams.API     // where JetStream is, if not in the account itself

	Gateway    *gateway.Client   // required
	Inspectors []session.Account // required
	Session    SessionOptions

	Protected    *protect.List          // agents who are never called for; nil for none
	Confirm      bool                   // see each sign-out before it is reported
	Concurrency  int                    // calls in flight
	Rate         float64                // calls per second, 0 for no limit
	MaxPerMinute int                    // calls of all workers in a minute, 0 for no limit
	MaxAge       time.Duration          // how late a command without expiresAt may run
	Grace        Grace                  // for agents on a call, where a command does not say; none by default
	CallTimeout  time.Duration          // of one call; below the consumer's AckWait
	AckWait      time.Duration          // of the consumer if this worker makes it; an existing one keeps its own
	DrainTimeout time.Duration          // how long calls in flight may take to end at a shutdown
	WatchPeriod  time.Duration          // how often delivery is looked at, for readiness and the lag
	Retry        Retry                  // zero fields mean the defaults
	AllowReply   messages.ReplyPatterns // nil means messages.DefaultReplyPatterns
	Retcodes     map[string]Class       // changes to the table of retcodes

	Log     *slog.Logger   // required
	Metrics *admin.Metrics // required
}

// SessionOptions are about inspectors' sessions; zero values mean the defaults.
type SessionOptions struct {
	Lease  time.Duration // of the worker that keeps a session
	CutOff time.Duration // without an answer of the gateway another worker may keep it

	SignInTime time.Duration // of one sign-in
	PollTime   time.Duration // of one poll; below gateway.SessionLife
	LockRetry  time.Duration // between sign-ins to an account that needs a person
	Taken      []string      // retcodes of a sign-in that mean that somebody is signed in

	// For tests that turn a clock: waits between sign-ins, and what time it is.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
}

func (o SessionOptions) validate() error {
	switch {
	case o.SignInTime < 0 || o.PollTime < 0 || o.LockRetry < 0:
		return errors.New("sign-in, poll and lock-retry times must be above 0")
	case o.PollTime >= gateway.SessionLife:
		return fmt.Errorf("the poll timeout %v must be below %v, after which the gateway ends a session without polls", o.PollTime, gateway.SessionLife)
	}
	return nil
}

func (c Config) withDefaults() Config {
	setDefault(&c.Concurrency, DefaultConcurrency)
	setDefault(&c.MaxAge, streams.DefaultMaxAge)
	setDefault(&c.CallTimeout, DefaultCallTimeout)
	setDefault(&c.DrainTimeout, DefaultDrainTimeout)
	setDefault(&c.WatchPeriod, DefaultWatchPeriod)
	setDefault(&c.Retry.MaxAttempts, DefaultMaxAttempts)
	setDefault(&c.Retry.Initial, DefaultRetryInitial)
	setDefault(&c.Retry.Max, DefaultRetryMax)
	if c.AllowReply == nil {
		c.AllowReply = messages.DefaultReplyPatterns()
	}
	return c
}

// Validate reports settings that contradict each other or are unusable, as far as
// they can be judged without NATS. It reads the inspectors' files.
func (c Config) Validate() error {
	if _, err := retcode.New(c.Retcodes); err != nil {
		return err
	}
	if err := c.AllowReply.Validate(); err != nil {
		return err
	}
	if err := c.Session.validate(); err != nil {
		return err
	}
	return session.Validate(c.Inspectors)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
