package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Class is what an answer of the gateway means for the command.
type Class string

const (
	ClassSuccess   Class = "success"   // done
	ClassTransient Class = "transient" // may work later
	ClassSession   Class = "session"   // about the inspector's session, not about the agent
	ClassPermanent Class = "permanent" // will never work
)

// verdict is the decision about one call.
type verdict struct {
	class Class
	// ask: the agent's state can tell whether the wished state holds already.
	ask bool
	// meaning is a phrase for people.
	meaning string
}

// retcodeTable is THE table: what each retcode of the force-logout call means.
// 900-00x is transient by the owner's rule; operators change classes per code.
func retcodeTable() map[string]verdict {
	return map[string]verdict{
		"0":       {ClassSuccess, false, "success"},                                                // [cec_07_0580]
		"000-001": {ClassPermanent, false, "wrong way to fetch events"},                            // [cec_07_0580]
		"000-002": {ClassPermanent, false, "bad parameter"},                                        // [cec_07_0580]
		"000-003": {ClassSession, false, "no permission to call, authentication may have expired"}, // [cec_07_0580]
		"000-004": {ClassTransient, false, "the agent is being switched over"},                     // [cec_07_0580]
		"000-005": {ClassPermanent, false, "the target is the inspector itself"},                   // [cec_07_0580]
		"000-006": {ClassPermanent, false, "bad address or message"},                               // [cec_07_0580]
		"000-007": {ClassTransient, false, "called again before the answer"},                       // [cec_07_0580]
		"100-006": {ClassSession, false, "the inspector is not signed in"},                         // [cec_07_0441]: the caller, not the agent
		"100-007": {ClassTransient, false, "internal error of the gateway"},                        // [cec_07_1430]
		"100-008": {ClassTransient, true, "already signed out, says the gateway"},                  // [cec_07_1430]: listed for one's own sign-out, proves nothing
		"100-009": {ClassTransient, false, "the state could not be set"},                           // [cec_07_1430]
		"100-010": {ClassTransient, false, "state error"},                                          // [cec_07_1430]
		"105-002": {ClassTransient, false, "disaster recovery is running"},                         // [cec_07_1430]
		"105-005": {ClassSession, false, "waiting for recovery timed out"},                         // [cec_07_1430]
		"105-006": {ClassSession, false, "the GUID does not match after recovery"},                 // [cec_07_1430]
		"900-001": {ClassTransient, false, "the CTI back end is not reachable"},                    // [cec_07_0441], V
		"900-002": {ClassTransient, false, "the inspector has no right to quality control"},        // [cec_07_0441], V
		"900-003": {ClassTransient, true, "resource not available"},                                // [cec_07_0441], V: likeliest for an absent agent
		"900-004": {ClassTransient, true, "no agent information"},                                  // V
		"900-005": {ClassTransient, true, "state exception"},                                       // V
		"900-006": {ClassTransient, true, "quality control refused"},                               // owner's rule: all 900-00x
		"900-007": {ClassTransient, true, "quality control refused"},                               // owner's rule
		"900-008": {ClassTransient, true, "quality control refused"},                               // owner's rule
		"900-009": {ClassTransient, true, "quality control refused"},                               // owner's rule
	}
}

// classifier decides, for a whole worker, what answers mean.
type classifier struct {
	retcodes map[string]verdict
}

// newClassifier applies an operator's changes to the table.
func newClassifier(overrides map[string]Class) (*classifier, error) {
	table := retcodeTable()
	for code, class := range maps.All(overrides) {
		switch class {
		case ClassTransient, ClassSession, ClassPermanent:
		default:
			return nil, fmt.Errorf("retcode %s: class %q is not one of transient, session, permanent", code, class)
		}
		if code == gateway.RetcodeSuccess || code == "" {
			return nil, fmt.Errorf("retcode %q cannot be given another class", code)
		}
		row, known := table[code]
		if !known {
			row.meaning = "refused"
		}
		row.class = class
		table[code] = row
	}
	return &classifier{retcodes: table}, nil
}

// classify is the one place that decides about a retry. A status that no
// gateway sends goes before the body: a proxy may wrap anything in its 502.
func (c *classifier) classify(answer gateway.Answer, err error) verdict {
	switch status := answer.HTTPStatus; {
	case err != nil:
		return classifyFailure(err)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= 500:
		return verdict{ClassTransient, false, "HTTP " + http.StatusText(status)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{ClassSession, false, "HTTP " + http.StatusText(status)}
	case status >= 300 && status < 400:
		return verdict{ClassPermanent, false, "a redirect, never followed: the gateway URL may be wrong"}
	case answer.Retcode != "" && (status >= 400 || status/100 == 2):
		return c.byRetcode(answer)
	case status >= 400:
		return verdict{ClassPermanent, false, "HTTP " + http.StatusText(status) + ": the gateway's URL, port or release may be wrong"}
	default:
		return verdict{ClassTransient, false, "not an answer of the gateway"}
	}
}

func (c *classifier) byRetcode(answer gateway.Answer) verdict {
	row, known := c.retcodes[answer.Retcode]
	if !known {
		return verdict{ClassPermanent, false, "refused"}
	}
	if row.class == ClassSuccess && answer.HTTPStatus/100 != 2 {
		return verdict{ClassTransient, false, "success under an HTTP error"}
	}
	return row
}

// classifyFailure is for calls that no answer came to: all of them may work
// later, and the phrase tells an operator where to look.
func classifyFailure(err error) verdict {
	switch {
	case gateway.IsCertificateError(err):
		return verdict{ClassTransient, false, "the gateway's certificate was not accepted"}
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{ClassTransient, false, "the gateway did not answer in time"}
	default:
		return verdict{ClassTransient, false, "the gateway could not be reached"}
	}
}
