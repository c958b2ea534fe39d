package retcode

import (
	"fmt"
	"maps"
)

// Class is what an answer of the gateway means for who called.
type Class string

// The classes.
const (
	Success   Class = "success"   // done
	Transient Class = "transient" // may work later
	Session   Class = "session"   // about the caller's session, not about the agent
	Permanent Class = "permanent" // will never work
)

// Hint is what an answer tells beside its class.
type Hint int

// The hints.
const (
	NoHint       Hint = iota
	AskState          // the agent's state can tell whether the wished state holds already
	TooFast           // the inspector has too many calls in flight
	NoRight           // it may be about the inspector and not about the agent
	WholeGateway      // the gateway as a whole may be failing
	NeverReached      // nothing was sent: the gateway is failing, and the call had no effect
)

// Names of codes that are spoken of in the code.
const (
	OK          = "0"
	PushMode    = "000-001"
	NotSignedIn = "100-006"
	NoAgent     = "300-002"
)

// Row is what a retcode means.
type Row struct {
	Class   Class
	Hint    Hint
	Meaning string // a phrase for people
	Known   bool   // false for codes that are not in the table
}

// FewAttempts is how many calls a code is worth that nobody knows: the vendor adds
// codes with each release.
const FewAttempts = 3

// rows is THE table. 900-00x is transient by the owner's rule; operators change
// classes per code.
func rows() map[string]Row {
	return map[string]Row{
		OK:          {Success, NoHint, "success", true},                                                    // [cec_07_0580]
		"000-000":   {Transient, AskState, "unknown error of the gateway", true},                           // [cec_07_1430]
		PushMode:    {Permanent, NoHint, "wrong way to fetch events", true},                                // [cec_07_0580]
		"000-002":   {Permanent, NoHint, "bad parameter", true},                                            // [cec_07_0580]
		"000-003":   {Session, NoHint, "no permission to call, authentication may have expired", true},     // [cec_07_0580]
		"000-004":   {Transient, NoHint, "the agent is being switched over", true},                         // [cec_07_0580]
		"000-005":   {Permanent, NoHint, "the target is the inspector itself", true},                       // [cec_07_0580]
		"000-006":   {Permanent, NoHint, "bad address or message", true},                                   // [cec_07_0580]
		"000-007":   {Transient, TooFast, "called again before the answer", true},                          // [cec_07_0580]: somebody is calling for this agent right now
		NotSignedIn: {Session, NoHint, "the inspector is not signed in", true},                             // [cec_07_0441]: the caller, not the agent
		"100-007":   {Transient, NoHint, "internal error of the gateway", true},                            // [cec_07_1430]
		"100-008":   {Transient, AskState, "already signed out, says the gateway", true},                   // [cec_07_1430]: listed for one's own sign-out, proves nothing
		"100-009":   {Transient, NoHint, "the state could not be set", true},                               // [cec_07_1430]
		"100-010":   {Transient, NoHint, "state error", true},                                              // [cec_07_1430]
		"105-001":   {Session, NoHint, "the agent is not cached after a switch-over, sign in again", true}, // [cec_07_1430]
		"105-002":   {Transient, WholeGateway, "disaster recovery is running", true},                       // [cec_07_1430]
		"105-003":   {Transient, WholeGateway, "disaster recovery is just done", true},                     // [cec_07_1430]
		"105-004":   {Transient, WholeGateway, "disaster recovery does not queue the call", true},          // [cec_07_1430]
		"105-005":   {Session, NoHint, "waiting for recovery timed out, sign in again", true},              // [cec_07_1430]
		"105-006":   {Session, NoHint, "the GUID does not match after recovery, sign in again", true},      // [cec_07_1430]
		"105-007":   {Session, NoHint, "recovery is switched off, sign in again", true},                    // [cec_07_1430]
		"900-001":   {Transient, WholeGateway, "the CTI back end is not reachable", true},                  // [cec_07_0441], V
		"900-002":   {Transient, NoRight, "the inspector has no right to quality control", true},           // [cec_07_0441], V
		"900-003":   {Transient, AskState, "resource not available", true},                                 // [cec_07_0441], V: likeliest for an absent agent
		"900-004":   {Transient, AskState, "no agent information", true},                                   // V
		"900-005":   {Transient, AskState, "state exception", true},                                        // V
		"900-006":   {Transient, AskState, "quality control refused", true},                                // owner's rule: all 900-00x
		"900-007":   {Transient, AskState, "quality control refused", true},                                // owner's rule
		"900-008":   {Transient, AskState, "quality control refused", true},                                // owner's rule
		"900-009":   {Transient, AskState, "quality control refused", true},                                // owner's rule
	}
}

// Table is the table with an operator's changes.
type Table struct{ rows map[string]Row }

// New applies an operator's changes, or says which cannot be.
func New(changes map[string]Class) (*Table, error) {
	t := &Table{rows()}
	for code, class := range maps.All(changes) {
		switch class {
		case Transient, Session, Permanent:
		default:
			return nil, fmt.Errorf("retcode %s: class %q is not one of transient, session, permanent", code, class)
		}
		if code == OK || code == "" {
			return nil, fmt.Errorf("retcode %q cannot be given another class", code)
		}
		row, known := t.rows[code]
		if !known {
			row = Row{Meaning: "refused", Known: true}
		}
		row.Class = class
		t.rows[code] = row
	}
	return t, nil
}

// Of returns what a retcode means. One that nobody knows may be anything: it is
// tried a few times, with a look at the agent before each.
func (t *Table) Of(code string) Row {
	if row, known := t.rows[code]; known {
		return row
	}
	return Row{Transient, AskState, "refused with a code that is not known here", false}
}
