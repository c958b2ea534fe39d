package health

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Insist repeats a NATS operation that must succeed sooner or later, until it
// does or the context ends.
func Insist(ctx context.Context, operation func() error, failed func(err error, wait time.Duration)) error {
	// Nearly always it works at once, and then needs no backoff.
	first := true
	err := operation()
	if err == nil {
		return nil
	}
	return backoff.RetryNotify(func() error {
		if first {
			first = false
			return err
		}
		return operation()
	}, backoff.WithContext(persistent(), ctx), failed)
}

func persistent() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}
