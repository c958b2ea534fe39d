package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Limits of a sign-in [cec_07_1202]. A password has at most 32 bytes as it is typed;
// where the site wants it encrypted it is longer.
const (
	MaxPassword = 256
	MaxPhone    = 24
)

// Errors of a sign-in that the gateway itself calls a success.
var (
	ErrNoGUID         = errors.New("the gateway signed the inspector in, but its answer holds no GUID")
	ErrChangePassword = errors.New("the inspector's password must be changed before it can be used")
)

// SignInKind is the way in which an inspector is signed in.
type SignInKind int

const (
	SignInPlain          SignInKind = iota // with a phone and a media licence [cec_07_1202]
	SignInPlatform                         // platform only: no media server, no media licence [cec_07_0357]
	SignInForced                           // plain, and evicts whoever is signed in as this inspector [cec_07_1203]
	SignInForcedPlatform                   // platform only, and evicts [I]
)

// SignedIn is what a sign-in brought.
type SignedIn struct {
	Session
	PasswordDays int // until the password expires, -1 where the gateway does not tell
}

// Credentials are what an inspector signs in with.
type Credentials struct {
	Inspector string // {agentid}, 101–999999
	Password  string // MaxPassword bytes at most; a secret
	Phone     string // MaxPhone bytes at most; "" where the deployment needs none
	Listen    bool   // hear of agents' sign-ins and sign-outs in events
}

// String keeps the password out of whatever prints credentials.
func (c Credentials) String() string { return "inspector " + c.Inspector }

// busy is the state to sign in with: a headless inspector must get no calls [I].
const busy = 3

// anyAgentType is the type of agent that handles every kind of media [cec_07_1202].
const anyAgentType = 4

// signInBody is the body of a sign-in [cec_07_1202].
type signInBody struct {
	Password      string `json:"password"`
	Phone         string `json:"phonenum,omitempty"`
	AutoAnswer    bool   `json:"autoanswer"`
	AutoEnterIdle bool   `json:"autoenteridle"`
	ReleasePhone  bool   `json:"releasephone"`
	AgentType     int    `json:"agenttype"`
	Status        int    `json:"status"`
	ListenStatus  bool   `json:"listenStatus"`
}

// SignIn signs the inspector in. There is a session where the answer's retcode is
// "0" and the error nil. ErrNoGUID and ErrChangePassword come with retcode "0";
// the latter with a session that is good for signing out only. Other errors kept
// an answer from coming: then the inspector may be signed in or not.
//
// It must not be repeated before it has returned, nor overlap with SignOut of the
// same inspector [cec_07_1202].
func (c *Client) SignIn(ctx context.Context, kind SignInKind, cred Credentials) (SignedIn, Answer, error) {
	body, err := json.Marshal(signInBody{
		Password: cred.Password, Phone: cred.Phone,
		AgentType: anyAgentType, Status: busy, ListenStatus: cred.Listen,
	})
	if err != nil {
		return SignedIn{}, Answer{}, err
	}
	segments := []string{"onlineagent", cred.Inspector}
	switch kind {
	case SignInPlatform:
		segments = append(segments, "loginex")
	case SignInForced:
		segments = append(segments, "forcelogin")
	case SignInForcedPlatform:
		segments = append(segments, "forceloginex")
	}
	reply, err := c.call(ctx, Session{}, http.MethodPut, body, segments...)
	if err != nil || !reply.succeeded() {
		return SignedIn{}, reply.Answer, err
	}
	return newSession(cred.Inspector, reply)
}

func newSession(inspector string, reply reply) (SignedIn, Answer, error) {
	cookies := (&http.Response{Header: reply.header}).Cookies()
	s := SignedIn{PasswordDays: -1, Session: Session{
		Inspector: inspector, GUID: guidOfSignIn(reply.header, cookies), Cookie: cookiesAfter("", cookies),
	}}
	if s.GUID == "" {
		return SignedIn{}, reply.Answer, ErrNoGUID
	}
	var said struct {
		Result struct {
			IsForceChange json.RawMessage `json:"isForceChange"`
			TimeRemaining json.RawMessage `json:"timeRemaining"`
		} `json:"result"`
	}
	if json.Unmarshal(reply.body, &said) != nil {
		return s, reply.Answer, nil
	}
	if days, err := strconv.Atoi(text(said.Result.TimeRemaining)); err == nil && days >= 0 {
		s.PasswordDays = days
	}
	if change := string(said.Result.IsForceChange); change == `"true"` || change == "true" {
		return s, reply.Answer, ErrChangePassword
	}
	return s, reply.Answer, nil
}

// SignOut ends the inspector's own session [cec_05_4015].
func (c *Client) SignOut(ctx context.Context, s Session) (Answer, error) {
	reply, err := c.call(ctx, s, http.MethodDelete, nil, "onlineagent", s.Inspector, "logout")
	return reply.Answer, err
}

// Handshake is the heartbeat of a session whose events are pushed [cec_07_1204].
func (c *Client) Handshake(ctx context.Context, s Session) (Answer, error) {
	reply, err := c.call(ctx, s, http.MethodPost, nil, "onlineagent", s.Inspector, "handshake")
	return reply.Answer, err
}
