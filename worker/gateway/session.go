package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Session is a signed-in inspector: who calls, and the proof.
type Session struct {
	Inspector string // the gateway's {agentid}, 101–999999
	GUID      string // the whole Guid header value with its ".AgentGatewayN" suffix; a secret
	Cookie    string // the Cookie header of the session, "" for none: load balancers keep it on its node
}

// String keeps the GUID out of whatever prints a session.
func (s Session) String() string { return "inspector " + s.Inspector }

// sign puts the proof on a request. A sign-in has none yet.
func (s Session) sign(h http.Header) {
	if s.GUID != "" {
		h.Set("Guid", s.GUID)
	}
	if s.Cookie != "" {
		h.Set("Cookie", s.Cookie)
	}
}

// maxGUID bounds the header value; a real one has about 50 bytes.
const maxGUID = 256

// ParseGUID takes a GUID as people paste it, also with the JSESSIONID= in front
// and the attributes behind it that a Set-GUID header has. The error never holds
// the value.
func ParseGUID(raw string) (string, error) {
	guid, _, _ := strings.Cut(raw, ";")
	guid = strings.TrimPrefix(strings.TrimSpace(guid), "JSESSIONID=")
	switch {
	case guid == "":
		return "", errors.New("the GUID is empty: put in the value of the Guid header")
	case len(guid) > maxGUID:
		return "", fmt.Errorf("the GUID has %d bytes, %d at most: put in the value of the Guid header and nothing else", len(guid), maxGUID)
	}
	for _, c := range []byte(guid) {
		if c <= ' ' || c > '~' {
			return "", errors.New("the GUID holds white space or other characters that no header value has: put in one line")
		}
	}
	return guid, nil
}

// guidOf finds a new GUID in an answer's header: Set-GUID, else Guid
// [cec_07_0357, cec_05_40110]. "" where there is none that could be used.
func guidOf(h http.Header) string {
	for _, name := range []string{"Set-Guid", "Guid"} {
		value := h.Get(name)
		if value == "" {
			continue // as nearly always
		}
		if guid, err := ParseGUID(value); err == nil {
			return guid
		}
	}
	return ""
}

// guidOfCookies is for releases that put the GUID into a cookie only. It counts
// at a sign-in alone: later such a cookie may be a load balancer's.
func guidOfCookies(cookies []*http.Cookie) string {
	for _, cookie := range cookies {
		if cookie.Name != "JSESSIONID" && !strings.EqualFold(cookie.Name, "GUID") {
			continue
		}
		if guid, err := ParseGUID(cookie.Value); err == nil {
			return guid
		}
	}
	return ""
}

// cookieHeader is what to send back of the cookies that a sign-in has set.
func cookieHeader(cookies []*http.Cookie) string {
	pairs := make([]string, 0, len(cookies))
	for _, cookie := range cookies {
		if cookie.Value != "" && cookie.MaxAge >= 0 {
			pairs = append(pairs, cookie.Name+"="+cookie.Value)
		}
	}
	return strings.Join(pairs, "; ")
}
