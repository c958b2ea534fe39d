package session

import (
	"errors"
	"strings"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// refusal is why a sign-in did not work, and what follows.
type refusal struct {
	what    retcode.SignIn
	pace    pace
	unheard bool // the gateway did not answer
	lost    bool // it may have signed the inspector in all the same
	meaning string
}

// ofPassword reports whether the refusal is about the password or the account, so that
// the password must not simply be tried again.
func (r *refusal) ofPassword() bool {
	return r.what == retcode.WrongWords || r.what == retcode.Unusable
}

// judgeSignIn says what an answer to a sign-in calls for; nil where it has worked.
func (c Config) judgeSignIn(answer gateway.Answer, err error) *refusal {
	var unsent *gateway.UnsentError
	switch {
	case errors.Is(err, gateway.ErrChangePassword):
		return &refusal{what: retcode.Unusable, meaning: err.Error()}
	case errors.Is(err, gateway.ErrNoGUID):
		return &refusal{what: retcode.Malformed, pace: c.rarely(), lost: true, meaning: err.Error()}
	case err != nil && gateway.IsCertificateError(err):
		return &refusal{pace: soon(), unheard: true, meaning: "the gateway's certificate was not accepted: " + err.Error()}
	case errors.As(err, &unsent):
		return &refusal{pace: soon(), unheard: true, meaning: "the gateway could not be reached: " + err.Error()}
	case err != nil:
		return &refusal{pace: soon(), unheard: true, lost: true, meaning: "the sign-in's answer was lost: " + err.Error()}
	case answer.HTTPStatus == 200 && answer.Retcode == retcode.OK:
		return nil
	case answer.Retcode == "" && answer.HTTPStatus/100 == 4:
		return &refusal{what: retcode.Malformed, pace: c.rarely(), meaning: "the gateway's URL, port or release may be wrong: " + said(answer, nil)}
	case answer.Retcode == "":
		return &refusal{pace: soon(), lost: true, meaning: "not an answer of the gateway: " + said(answer, nil)}
	case strings.Contains(answer.Message, "number of login agents"):
		return &refusal{pace: soon(), meaning: "no licence is free: " + said(answer, nil)}
	}
	what, meaning := retcode.OfSignIn(answer.Retcode, c.Taken)
	r := &refusal{what: what, pace: soon(), meaning: meaning + ": " + said(answer, nil)}
	switch {
	case what == retcode.Taken, what == retcode.Kept:
		r.pace = taken()
	case what != retcode.Later && answer.HTTPStatus < 500:
		r.pace = c.rarely()
	}
	return r
}
