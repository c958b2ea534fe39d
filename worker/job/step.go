package job

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Do is what to do next.
type Do int

// What can be done.
const (
	Wait         Do = iota // until Until, in this process and without a slot
	AwaitSession           // until an inspector can make the call, at most until Until
	Secure                 // make sure that the command has no result and is this worker's alone
	Query                  // ask for the agent's state
	Call                   // force the agent's sign-out
	Keep                   // note that the agent is signed out
	Confirm                // look whether the agent is signed out
	Yield                  // note how far it got, and give it back to the server until Until
	End                    // record Ending, then acknowledge
	Settle                 // acknowledge, and say nothing: it has a result
	Drop                   // leave it: it is somebody else's by now
	LeaveToTwin            // leave it: another message is the same command
	Leave                  // leave it without a word: this worker ends
)

// Step is what to do next, and why.
type Step struct {
	Do     Do
	Until  time.Time // Wait, AwaitSession, Yield
	For    Reason    // Wait, AwaitSession, Yield
	Ending Ending    // End
}

// Reason is what a command waits for, as live observers are told.
type Reason string

// The reasons.
const (
	ForTime    Reason = messages.WaitTime
	ForRetry   Reason = messages.WaitRetry
	ForSession Reason = messages.WaitSession
	ForGateway Reason = messages.WaitGateway
	ForCall    Reason = messages.WaitCall
	ForStayOut Reason = messages.WaitStayOut
	ForPace    Reason = messages.WaitPace
)
