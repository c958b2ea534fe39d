package worker

import (
	"context"
	"errors"
	"net/http"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// Class is what an answer of the gateway means for the command.
type Class = retcode.Class

// The classes.
const (
	ClassSuccess   = retcode.Success
	ClassTransient = retcode.Transient
	ClassSession   = retcode.Session
	ClassPermanent = retcode.Permanent
)

// verdict is the decision about one call.
type verdict struct {
	class   Class
	hint    hint
	meaning string // a phrase for people
	few     bool   // nobody knows what it means: it is worth a few attempts only
}

// hint is what an answer tells beside its class.
type hint = retcode.Hint

const (
	noHint       = retcode.NoHint
	askState     = retcode.AskState
	tooFast      = retcode.TooFast
	noRight      = retcode.NoRight
	wholeGateway = retcode.WholeGateway
	neverReached = retcode.NeverReached
)

// classifier decides, for a whole worker, what answers mean.
type classifier struct{ retcodes *retcode.Table }

// newClassifier applies an operator's changes to the table.
func newClassifier(changes map[string]Class) (*classifier, error) {
	table, err := retcode.New(changes)
	if err != nil {
		return nil, err
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
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "HTTP " + http.StatusText(status)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{class: ClassSession, meaning: "HTTP " + http.StatusText(status)}
	case status >= 300 && status < 400:
		// A balancer's maintenance page redirects, too.
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "a redirect, never followed: the gateway URL may be wrong"}
	case answer.Retcode != "" && (status >= 400 || status/100 == 2):
		return c.byRetcode(answer)
	case status >= 400:
		return verdict{class: ClassPermanent, meaning: "HTTP " + http.StatusText(status) + ": the gateway's URL, port or release may be wrong"}
	default:
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "not an answer of the gateway"}
	}
}

// classifyState is the same for a question for an agent's state. A gateway that
// answers it with a code that nobody knows, as it does without a right to ask, will
// not tell.
func (c *classifier) classifyState(answer gateway.Answer, err error) verdict {
	v := c.classify(answer, err)
	if v.few {
		v.class, v.hint, v.few = ClassPermanent, noHint, false
	}
	return v
}

func (c *classifier) byRetcode(answer gateway.Answer) verdict {
	row := c.retcodes.Of(answer.Retcode)
	if row.Class == ClassSuccess && answer.HTTPStatus/100 != 2 {
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "success under an HTTP error"}
	}
	return verdict{class: row.Class, hint: row.Hint, meaning: row.Meaning, few: !row.Known}
}

// classifyFailure is for calls that no answer came to: all of them may work
// later, and the phrase tells an operator where to look.
func classifyFailure(err error) verdict {
	var unsent *gateway.UnsentError
	var coded *gateway.CodingError
	switch {
	case gateway.IsCertificateError(err):
		return verdict{class: ClassTransient, hint: neverReached, meaning: "the gateway's certificate was not accepted"}
	case errors.As(err, &unsent):
		return verdict{class: ClassTransient, hint: neverReached, meaning: "the gateway could not be reached"}
	case errors.As(err, &coded):
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "not an answer of the gateway"}
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "the gateway did not answer in time"}
	default:
		return verdict{class: ClassTransient, hint: wholeGateway, meaning: "the connection to the gateway broke"}
	}
}
