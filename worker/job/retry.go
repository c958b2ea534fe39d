package job

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Retry is when a transient failure is tried again.
type Retry struct {
	MaxAttempts int           // calls that count, the first included
	Initial     time.Duration // wait after the first call
	Max         time.Duration // longest wait
}

// Defaults of Retry: about two minutes in all, unless the command expires first.
const (
	DefaultMaxAttempts  = 8
	DefaultRetryInitial = 500 * time.Millisecond
	DefaultRetryMax     = 30 * time.Second
)

// delay is how long to wait after the given number of calls: exponential with
// half of it random, so that commands that failed together do not return
// together. A Retry-After of the gateway is a lower bound, up to the longest wait.
func (r Retry) delay(calls int, retryAfter time.Duration) time.Duration {
	exponential := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(r.Initial),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(r.Max),
		backoff.WithMaxElapsedTime(0),
	)
	wait := exponential.NextBackOff()
	for range calls - 1 {
		wait = exponential.NextBackOff()
	}
	return max(wait, r.wished(retryAfter))
}

// wished cuts a Retry-After to the longest wait, so that a long one does not let commands
// expire.
func (r Retry) wished(retryAfter time.Duration) time.Duration { return min(retryAfter, r.Max) }

// grown is a pause that doubles with each delivery of a command, up to most.
func grown(first, most time.Duration, delivery uint64) time.Duration {
	pauses := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0.1),
		backoff.WithMaxInterval(most),
		backoff.WithMaxElapsedTime(0),
	)
	for range min(max(delivery, 1), 32) - 1 {
		pauses.NextBackOff()
	}
	return pauses.NextBackOff()
}
