package execute

import (
	"context"
	"time"

	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/outage"
	"github.com/forcelogout/forcelogout/worker/session"
)

// AskGateway tries an exchange that changes nothing. It tells whether the gateway is back
// where no command is there to try it with.
func (e *Executor) AskGateway(ctx context.Context) {
	use, err := e.Inspectors.Take(session.Stop{Drained: e.Draining, At: time.Now().Add(outage.TrialPause)}, session.Wish{})
	if err != nil {
		return // no session: that is the problem, not the gateway
	}
	defer use.Done(session.Report{})
	end, err := e.Gate.Begin("", false)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.Policy.CallTimeout)
	defer cancel()
	e.Gateway.Redial() // the connections that there are may be what is down
	answer, err := e.Gateway.OwnState(ctx, use.Session)
	v := e.Classifier.Call(answer, err)
	end(outage.HealthOf(v), job.Trouble(answer, err, v))
}
