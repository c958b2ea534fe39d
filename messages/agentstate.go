package messages

// AgentState is what the gateway last told of an agent before the call.
type AgentState string

// The states.
const (
	AgentSignedOut AgentState = "signed_out"
	AgentIdle      AgentState = "idle"
	AgentBusy      AgentState = "busy" // they have asked for no calls
	AgentOnCall    AgentState = "on_call"
	AgentWrapUp    AgentState = "wrap_up" // after-call work
	AgentResting   AgentState = "resting"
	AgentSignedIn  AgentState = "signed_in" // and no more is known
	AgentUnknown   AgentState = "unknown"   // the gateway was asked, and did not tell
)

// ConditionsUnknown says that a condition of the command could not be asked, as the gateway
// did not tell.
const ConditionsUnknown = "unknown"
