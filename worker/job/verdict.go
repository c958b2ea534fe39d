package job

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// Verdict is what one answer of the gateway means.
type Verdict struct {
	Class   retcode.Class
	Hint    Hint
	Meaning string // a phrase for people
	Few     bool   // nobody knows what it means: it is worth a few attempts only
}

// Hint is what an answer tells beside its class.
type Hint = retcode.Hint

// The hints.
const (
	NoHint       = retcode.NoHint
	AskState     = retcode.AskState
	TooFast      = retcode.TooFast
	NoRight      = retcode.NoRight
	WholeGateway = retcode.WholeGateway
	NeverReached = retcode.NeverReached
)

// answersState reports whether a state query was answered: the gateway has said what it
// knows, and will not know more later.
func (v Verdict) answersState() bool { return !v.isUnclear() }

// isUnclear reports whether a state query may be answered otherwise later.
func (v Verdict) isUnclear() bool {
	return v.Class == retcode.Transient || v.Class == retcode.Session
}

// Classifier decides, for a whole worker, what answers mean.
type Classifier struct{ retcodes *retcode.Table }

// NewClassifier judges by a table of retcodes.
func NewClassifier(table *retcode.Table) *Classifier { return &Classifier{retcodes: table} }

// Call says what an answer to a forced sign-out means, or the error in place of an answer.
// An HTTP status that no gateway sends counts more than the body: a proxy may wrap
// anything in its 502.
func (c *Classifier) Call(answer gateway.Answer, err error) Verdict {
	switch status := answer.HTTPStatus; {
	case err != nil:
		return classifyFailure(err)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= 500:
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "HTTP " + http.StatusText(status)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Verdict{Class: retcode.Session, Meaning: "HTTP " + http.StatusText(status)}
	case status >= 300 && status < 400:
		// A balancer's maintenance page redirects, too.
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "a redirect, never followed: the gateway URL may be wrong"}
	case answer.Retcode != "" && (status >= 400 || status/100 == 2):
		return c.byRetcode(answer)
	case status >= 400:
		return Verdict{Class: retcode.Permanent, Meaning: "HTTP " + http.StatusText(status) + ": the gateway's URL, port or release may be wrong"}
	default:
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "not an answer of the gateway"}
	}
}

// State judges the answer to a state query. A gateway that answers with an unknown code,
// as it does where the right to ask is missing, will not tell later either.
func (c *Classifier) State(answer gateway.Answer, err error) Verdict {
	v := c.Call(answer, err)
	if v.Few {
		v.Class, v.Hint, v.Few = retcode.Permanent, NoHint, false
	}
	return v
}

func (c *Classifier) byRetcode(answer gateway.Answer) Verdict {
	row := c.retcodes.Of(answer.Retcode)
	if row.Class == retcode.Success && answer.HTTPStatus/100 != 2 {
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "success under an HTTP error"}
	}
	return Verdict{Class: row.Class, Hint: row.Hint, Meaning: row.Meaning, Few: !row.Known}
}

// classifyFailure is for calls that no answer came to: all of them may work
// later, and the phrase tells an operator where to look.
func classifyFailure(err error) Verdict {
	var unsent *gateway.UnsentError
	var coded *gateway.CodingError
	switch {
	case gateway.IsCertificateError(err):
		return Verdict{Class: retcode.Transient, Hint: NeverReached, Meaning: "the gateway's certificate was not accepted"}
	case errors.As(err, &unsent):
		return Verdict{Class: retcode.Transient, Hint: NeverReached, Meaning: "the gateway could not be reached"}
	case errors.As(err, &coded):
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "not an answer of the gateway"}
	case errors.Is(err, context.DeadlineExceeded):
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "the gateway did not answer in time"}
	default:
		return Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "the connection to the gateway broke"}
	}
}

// Trouble is one phrase about an exchange that did not work, "" for one that did.
func Trouble(answer gateway.Answer, err error, v Verdict) string {
	switch {
	case err != nil:
		return v.Meaning + ": " + err.Error()
	case v.Class == retcode.Success:
		return ""
	case answer.Retcode == "":
		return "HTTP " + strconv.Itoa(answer.HTTPStatus) + ", " + v.Meaning
	case answer.Message != "":
		return answer.Retcode + " " + v.Meaning + " (" + answer.Message + ")"
	default:
		return answer.Retcode + " " + v.Meaning
	}
}
