package execute

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/job"
)

const (
	// confirmTime is how long a sign-out may take to show after the answer "0".
	confirmTime = 5 * time.Second
	// The agent's state is asked at growing intervals, if no event comes first.
	firstLook = 200 * time.Millisecond
	lastLook  = 1600 * time.Millisecond
)

// confirm looks whether the agent has signed out indeed after the gateway said so: it
// waits for the event, without a slot, and asks for the state in between. It returns what
// was seen last. If it cannot look any more, it returns at once: waiting longer could lose
// the command, and with it the gateway's answer.
func (e *Executor) confirm(ctx context.Context, x *execution) job.Seen {
	confirmed := job.Seen{What: job.Confirmed}
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstLook), backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0), backoff.WithMaxInterval(lastLook), backoff.WithMaxElapsedTime(0))
	for end := time.Now().Add(confirmTime); time.Now().Before(end); {
		if e.heardOut(x, pauses.NextBackOff()) {
			confirmed.State = gateway.State{Presence: gateway.PresenceSignedOut}
			return confirmed
		}
		seen := e.query(ctx, x)
		if ctx.Err() != nil {
			return job.Seen{What: job.Stopped}
		}
		switch seen.What {
		case job.Told:
			confirmed.State, confirmed.Down = seen.State, seen.Down
			if seen.State.Presence == gateway.PresenceSignedOut {
				return confirmed
			}
		case job.SessionPending:
		default:
			confirmed.State = gateway.State{}
			return confirmed
		}
	}
	return confirmed
}

// heardOut waits for the event, at most for d, and takes no slot meanwhile.
func (e *Executor) heardOut(x *execution, d time.Duration) bool {
	back, _ := x.d.StepAside()
	defer back()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-x.signedOut:
		return true
	case <-timer.C:
	case <-e.Draining:
	}
	return false
}
