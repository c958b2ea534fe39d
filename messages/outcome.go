package messages

// Outcome is how a command ended.
type Outcome string

// The outcomes of the contract.
const (
	OutcomeSignedOut        Outcome = "signed_out"         // the gateway did it
	OutcomeAlreadySignedOut Outcome = "already_signed_out" // a state query shows that the agent is not signed in
	OutcomeFailed           Outcome = "failed"             // refused for good, retries used up, or no usable session
	OutcomeExpired          Outcome = "expired"            // expiresAt passed first
	OutcomeRejected         Outcome = "rejected"           // the command was invalid
	OutcomeCancelled        Outcome = "cancelled"          // withdrawn before its time
	OutcomeSuperseded       Outcome = "superseded"         // the agent has signed in again since: the next shift
)

// Success reports whether the wished state holds: the agent is signed out.
// An outcome unknown to this version is no success.
func (o Outcome) Success() bool {
	return o == OutcomeSignedOut || o == OutcomeAlreadySignedOut
}

// Outcomes returns all outcomes, successes first, in the contract's order.
func Outcomes() []Outcome {
	return []Outcome{OutcomeSignedOut, OutcomeAlreadySignedOut,
		OutcomeFailed, OutcomeExpired, OutcomeRejected, OutcomeCancelled, OutcomeSuperseded}
}

// Cause says why the outcome is not signed_out, for machines.
type Cause string

// The causes of the contract.
const (
	CauseRefused              Cause = "refused"                // the gateway said no for good
	CauseRetriesExhausted     Cause = "retries_exhausted"      // every allowed attempt failed
	CauseExpiredBeforeAttempt Cause = "expired_before_attempt" // too late on arrival, the gateway was never called
	CauseExpiredWhileRetrying Cause = "expired_while_retrying" // called at least once, then too late
	CauseNoSession            Cause = "no_session"             // no usable inspector session
	CauseInvalid              Cause = "invalid"                // the command broke the contract
	CauseCancelled            Cause = "cancelled"              // withdrawn before its time
	CauseSuperseded           Cause = "superseded"             // the present sign-in began after signedInBefore
	CauseProtected            Cause = "protected"              // the workers are set to leave this agent alone
)
