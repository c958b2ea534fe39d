package session

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// DefaultLease is how long a keeper may be silent before another takes over.
const DefaultLease = 13 * time.Second

// Config is what a pool needs.
type Config struct {
	Prefix      messages.Prefix
	VCC         string
	Instance    string          // name of this worker
	NATS        *nats.Conn      // for shared and kept sessions
	API         streams.API     // where JetStream is, if not in the account itself
	Gateway     *gateway.Client // required
	Concurrency int             // calls in flight, over all inspectors; required
	Listen      bool            // hear of agents' sign-outs, for Watch
	Lease       time.Duration   // of a keeper; 0 means DefaultLease
	CutOff      time.Duration   // without an answer of the gateway another may keep; 0 means 30 s
	SignInTime  time.Duration   // of one sign-in; 0 means DefaultSignInTime
	PollTime    time.Duration   // of one poll; 0 means DefaultPollTime
	LockRetry   time.Duration   // between sign-ins to an account that needs a person; 0 means DefaultLockRetry
	Taken       []string        // retcodes of a sign-in that mean what 100-002 means
	Retcodes    *retcode.Table  // nil means the table without changes
	Log         *slog.Logger    // required

	// Wait waits between sign-ins, and Now tells what is due; nil for real time. Tests
	// turn a clock with them.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
}

// Defaults of Config.
const (
	DefaultSignInTime = 60 * time.Second
	DefaultPollTime   = 75 * time.Second
	DefaultLockRetry  = 30 * time.Minute
)

func (c Config) withDefaults() (Config, error) {
	c.Lease = cmp.Or(c.Lease, DefaultLease)
	c.CutOff = cmp.Or(c.CutOff, cutOffTime)
	c.SignInTime = cmp.Or(c.SignInTime, DefaultSignInTime)
	c.PollTime = cmp.Or(c.PollTime, DefaultPollTime)
	c.LockRetry = cmp.Or(c.LockRetry, DefaultLockRetry)
	if c.Wait == nil {
		c.Wait = wait
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var err error
	if c.Retcodes == nil {
		c.Retcodes, err = retcode.New(nil)
	}
	return c, err
}
