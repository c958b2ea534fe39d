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
	class   Class
	hint    hint
	meaning string // a phrase for people
}

// hint is what an answer tells beside its class.
type hint int

const (
	noHint       hint = iota
	askState          // the agent's state can tell whether the wished state holds already
	tooFast           // the inspector has too many calls in flight
	noRight           // it may be about the inspector and not about the agent
	wholeGateway      // the gateway as a whole may be failing
	neverReached      // nothing was sent: the gateway is failing, and the call had no effect
)

// retcodeTable is THE table: what each retcode of the force-logout call means.
// 900-00x is transient by the owner's rule; operators change classes per code.
func retcodeTable() map[string]verdict {
	return map[string]verdict{
		"0":       {ClassSuccess, noHint, "success"},                                                // [cec_07_0580]
		"000-001": {ClassPermanent, noHint, "wrong way to fetch events"},                            // [cec_07_0580]
		"000-002": {ClassPermanent, noHint, "bad parameter"},                                        // [cec_07_0580]
		"000-003": {ClassSession, noHint, "no permission to call, authentication may have expired"}, // [cec_07_0580]
		"000-004": {ClassTransient, noHint, "the agent is being switched over"},                     // [cec_07_0580]
		"000-005": {ClassPermanent, noHint, "the target is the inspector itself"},                   // [cec_07_0580]
		"000-006": {ClassPermanent, noHint, "bad address or message"},                               // [cec_07_0580]
		"000-007": {ClassTransient, tooFast, "called again before the answer"},                      // [cec_07_0580]
		"100-006": {ClassSession, noHint, "the inspector is not signed in"},                         // [cec_07_0441]: the caller, not the agent
		"100-007": {ClassTransient, noHint, "internal error of the gateway"},                        // [cec_07_1430]
		"100-008": {ClassTransient, askState, "already signed out, says the gateway"},               // [cec_07_1430]: listed for one's own sign-out, proves nothing
		"100-009": {ClassTransient, noHint, "the state could not be set"},                           // [cec_07_1430]
		"100-010": {ClassTransient, noHint, "state error"},                                          // [cec_07_1430]
		"105-002": {ClassTransient, wholeGateway, "disaster recovery is running"},                   // [cec_07_1430]
		"105-005": {ClassSession, noHint, "waiting for recovery timed out"},                         // [cec_07_1430]
		"105-006": {ClassSession, noHint, "the GUID does not match after recovery"},                 // [cec_07_1430]
		"900-001": {ClassTransient, wholeGateway, "the CTI back end is not reachable"},              // [cec_07_0441], V
		"900-002": {ClassTransient, noRight, "the inspector has no right to quality control"},       // [cec_07_0441], V
		"900-003": {ClassTransient, askState, "resource not available"},                             // [cec_07_0441], V: likeliest for an absent agent
		"900-004": {ClassTransient, askState, "no agent information"},                               // V
		"900-005": {ClassTransient, askState, "state exception"},                                    // V
		"900-006": {ClassTransient, askState, "quality control refused"},                            // owner's rule: all 900-00x
		"900-007": {ClassTransient, askState, "quality control refused"},                            // owner's rule
		"900-008": {ClassTransient, askState, "quality control refused"},                            // owner's rule
		"900-009": {ClassTransient, askState, "quality control refused"},                            // owner's rule
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
		return verdict{ClassTransient, wholeGateway, "HTTP " + http.StatusText(status)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{ClassSession, noHint, "HTTP " + http.StatusText(status)}
	case status >= 300 && status < 400:
		return verdict{ClassPermanent, noHint, "a redirect, never followed: the gateway URL may be wrong"}
	case answer.Retcode != "" && (status >= 400 || status/100 == 2):
		return c.byRetcode(answer)
	case status >= 400:
		return verdict{ClassPermanent, noHint, "HTTP " + http.StatusText(status) + ": the gateway's URL, port or release may be wrong"}
	default:
		return verdict{ClassTransient, wholeGateway, "not an answer of the gateway"}
	}
}

func (c *classifier) byRetcode(answer gateway.Answer) verdict {
	row, known := c.retcodes[answer.Retcode]
	if !known {
		return verdict{ClassPermanent, noHint, "refused"}
	}
	if row.class == ClassSuccess && answer.HTTPStatus/100 != 2 {
		return verdict{ClassTransient, wholeGateway, "success under an HTTP error"}
	}
	return row
}

// classifyFailure is for calls that no answer came to: all of them may work
// later, and the phrase tells an operator where to look.
func classifyFailure(err error) verdict {
	var unsent *gateway.UnsentError
	var coded *gateway.CodingError
	switch {
	case gateway.IsCertificateError(err):
		return verdict{ClassTransient, neverReached, "the gateway's certificate was not accepted"}
	case errors.As(err, &unsent):
		return verdict{ClassTransient, neverReached, "the gateway could not be reached"}
	case errors.As(err, &coded):
		return verdict{ClassTransient, wholeGateway, "not an answer of the gateway"}
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{ClassTransient, wholeGateway, "the gateway did not answer in time"}
	default:
		return verdict{ClassTransient, wholeGateway, "the connection to the gateway broke"}
	}
}
