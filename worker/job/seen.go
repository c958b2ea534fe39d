package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// What has happened to a command.
type What int

// What can happen.
const (
	Ready     What = iota // it was admitted, or has waited; or what was decided on has changed
	Secured               // it has no result, and nobody else can call for it
	Told                  // a state query was answered, or failed
	Answered              // a call was answered, or failed
	Confirmed             // the effect of a successful call was looked for
	Kept                  // that the agent is signed out was noted; not where there is an Err

	// These bar what was to be done. Nothing was sent.
	NoPlace        // it cannot wait in this process
	Draining       // the worker shall end
	Stopped        // the worker ends without delay
	LeaseLost      // another worker may have the command
	TooLate        // too little of its life is left for a call
	Settled        // it has a result already
	Twin           // another message is the same command, and may be executed
	SessionPending // an inspector's session is being renewed
	NoInspector    // none can be used here that may make the call
	GatewayDown    // the gateway as a whole does not answer, and others try whether it is back
	UnknownHere    // this worker does not know the inspector whom the command names
	Itself         // the agent is the inspector
	Paced          // there is no turn for its call until Until
)

// Seen is what has just happened. Withdrawn, Delivery, Lost and Protected are as of now,
// whatever has happened.
type Seen struct {
	What      What
	Withdrawn *messages.Cancellation
	Delivery  uint64
	Lost      bool // the lease has run out
	Protected bool // the agent may not be called for

	Verdict   Verdict        // Told, Answered
	Answer    gateway.Answer // Answered
	Err       error          // Answered: why no answer came; Settled and later: why it is barred
	State     gateway.State  // Told, Confirmed
	Inspector string         // Told, Answered: in whose name
	Down      bool           // Told, Answered, Confirmed: it failed, and the gateway counts as down
	Elsewhere bool           // NoInspector: another inspector can be used here
	Until     time.Time      // Paced
	Untried   bool           // GatewayDown: no worker has called for it, and the call may show that the gateway is back
}
