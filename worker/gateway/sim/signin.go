package sim

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Account is with what an inspector can be signed in.
type Account struct {
	Password   string
	NeedsPhone bool // sign-ins with media need a phone number
	Expired    bool // the password has expired: 100-020
	MustChange bool // the sign-in works, but the password must be changed first
	DaysLeft   int  // until the password expires, said at the sign-in; 0 for nothing said
}

// SetAccount lets an inspector be signed in with the account. It unlocks the
// account, and leaves a session that there is.
func (g *Gateway) SetAccount(inspectorNo string, a Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.inspector(inspectorNo)
	i.account, i.wrong, i.lockedAt = &a, 0, time.Time{}
}

// GUIDForm is where the answer to a sign-in has the GUID; releases differ.
type GUIDForm string

// The forms of a GUID.
const (
	FormSetGUID GUIDForm = ""       // Set-GUID: JSESSIONID=… [cec_07_1202]
	FormGUID    GUIDForm = "guid"   // Guid: …
	FormCookie  GUIDForm = "cookie" // Set-Cookie: JSESSIONID=…
)

// credentials are the fields of a sign-in's body that the rules look at
// [cec_07_1202]. They are in no record.
type credentials struct {
	Password string `json:"password"`
	Phone    string `json:"phonenum"`
	Listen   bool   `json:"listenStatus"`
}

// signInResult is what a successful sign-in answers [cec_07_1202].
type signInResult struct {
	WorkNo      string `json:"workno"`
	MediaType   string `json:"mediatype"`
	ForceChange string `json:"isForceChange"`
	DaysLeft    string `json:"timeRemaining,omitempty"`
}

// signIn answers the three kinds of sign-in [cec_07_1202, cec_07_1203,
// cec_07_0357].
func (g *Gateway) signIn(ctx context.Context, call *Call, body []byte) Answer {
	var cred credentials
	if json.Unmarshal(body, &cred) != nil {
		return refusal(codeParameter, "bad message")
	}
	g.mu.Lock()
	g.inspector(call.Inspector).signingIn++
	g.mu.Unlock()
	answer := g.sessionCall(ctx, call, func() Answer {
		answer := g.ruleSignIn(call, cred)
		if answer.Retcode == codeSuccess {
			answer.Delay = g.cfg.SignInTime
		}
		return answer
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inspector(call.Inspector).signingIn--
	return answer
}

func (g *Gateway) ruleSignIn(call *Call, cred credentials) Answer {
	i := g.inspectors[call.Inspector]
	if g.cfg.Adopt && (i == nil || i.account == nil) {
		i = g.inspector(call.Inspector)
		i.account = &Account{Password: cred.Password}
	}
	if i == nil || i.account == nil {
		return refusal(codeWrongPassword, "wrong user or password")
	}
	if code, is := g.recovery.of(nil); is {
		return refusal(code, "disaster recovery")
	}
	if i.signingIn > 1 {
		return refusal(codeUnderWay, "another sign-in is under way")
	}
	if refused, ok := g.checkPassword(i, cred.Password); !ok {
		return refused
	}
	present := g.session(call.Inspector)
	switch {
	case present != nil && g.cfg.CannotForce:
		return refusal(codeHeld, "signed in elsewhere")
	case i.account.Expired:
		return refusal(codeExpired, "the password has expired")
	case i.account.NeedsPhone && cred.Phone == "" && call.Op != OpPlatformSignIn && call.Op != OpForcePlatformSignIn:
		return refusal(codePhone, "phone number required")
	case present != nil && call.Op != OpForceSignIn && call.Op != OpForcePlatformSignIn:
		return refusal(codeSignedIn, "already signed in")
	}
	return g.open(call, i, cred)
}

// checkPassword counts the wrong ones, which lock the account. A try while it is
// locked locks it anew.
func (g *Gateway) checkPassword(i *inspector, password string) (Answer, bool) {
	now := g.cfg.Now()
	if i.wrong >= g.cfg.LockAfter && g.cfg.LockTime > 0 && now.Sub(i.lockedAt) >= g.cfg.LockTime {
		i.wrong = 0
	}
	switch {
	case i.wrong >= g.cfg.LockAfter:
		i.lockedAt = now
		return refusal(codeLocked, "the account is locked"), false
	case subtle.ConstantTimeCompare([]byte(password), []byte(i.account.Password)) == 0:
		i.wrong++
		i.lockedAt = now
		return refusal(codeWrongPassword, "wrong user or password"), false
	}
	i.wrong = 0
	return Answer{}, true
}

// open makes the session and evicts the one before.
func (g *Gateway) open(call *Call, i *inspector, cred credentials) Answer {
	i.end(true)
	s := g.newSession(newGUID())
	s.listen, s.route = cred.Listen, "route="+newGUID()[:8]
	i.session, i.ended = s, false
	delete(g.agents, call.Inspector)
	header, guid := http.Header{"Set-Cookie": {s.route + "; Path=/"}}, s.newest().guid
	switch g.cfg.GUIDForm {
	case FormGUID:
		header.Set("Guid", guid)
	case FormCookie:
		header.Add("Set-Cookie", "JSESSIONID="+guid+"; Path=/; HttpOnly")
	default:
		header.Set("Set-GUID", "JSESSIONID="+guid)
	}
	result := signInResult{WorkNo: call.Inspector, MediaType: "TTF", ForceChange: "false"}
	if i.account.MustChange {
		result.ForceChange = "true"
	}
	if i.account.DaysLeft > 0 {
		result.DaysLeft = strconv.Itoa(i.account.DaysLeft)
	}
	return Answer{Retcode: codeSuccess, Header: header, result: result}
}

// ownSignOut ends the caller's own session [cec_05_4015].
func (g *Gateway) ownSignOut(ctx context.Context, call *Call) Answer {
	return g.sessionCall(ctx, call, func() Answer {
		if _, refused, ok := g.authorize(call); !ok {
			return refused
		}
		g.inspectors[call.Inspector].end(false)
		g.inspectors[call.Inspector].ended = true
		return Answer{Retcode: codeSuccess}
	})
}

// ownState answers a session's question for its own state [cec_07_0581].
func (g *Gateway) ownState(ctx context.Context, call *Call) Answer {
	if g.cfg.NoOwnState {
		return Answer{HTTPStatus: http.StatusNotFound}
	}
	return g.sessionCall(ctx, call, func() Answer {
		if _, refused, ok := g.authorize(call); !ok {
			return refused
		}
		return Answer{Retcode: codeSuccess, result: map[string]any{"workno": call.Inspector, "status": g.number(3)}}
	})
}

// updateGUID gives the session a fresh GUID [cec_07_0358].
func (g *Gateway) updateGUID(ctx context.Context, call *Call) Answer {
	return g.sessionCall(ctx, call, func() Answer {
		s, refused, ok := g.authorize(call)
		if !ok {
			return refused
		}
		return Answer{Retcode: codeSuccess, result: map[string]any{"guid": g.renew(s)}}
	})
}

// handshake is the heartbeat of sessions that do not poll [cec_07_1204].
func (g *Gateway) handshake(ctx context.Context, call *Call) Answer {
	return g.sessionCall(ctx, call, func() Answer {
		s, refused, ok := g.authorize(call)
		if !ok {
			return refused
		}
		s.polled = g.cfg.Now()
		return Answer{Retcode: codeSuccess}
	})
}

// sessionCall takes the answer from the script, or from the rule. A lost answer
// has the rule's effect.
func (g *Gateway) sessionCall(ctx context.Context, call *Call, rule func() Answer) Answer {
	g.mu.Lock()
	answer := g.sessionAnswer(call, rule)
	g.mu.Unlock()
	pause(ctx, answer.Delay)
	if answer.Fault == FaultHang {
		<-ctx.Done()
	}
	return answer
}

func (g *Gateway) sessionAnswer(call *Call, rule func() Answer) Answer {
	if !validID(call.Inspector) {
		return refusal(codeParameter, "bad parameter")
	}
	planned := g.planned(call)
	if !planned.byRule() && planned.Fault != FaultAnswerLost && !planned.Effect {
		return planned
	}
	answer := rule()
	if planned.byRule() {
		answer.Delay += planned.Delay
		return answer
	}
	return planned
}
