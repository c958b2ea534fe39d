package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// maxCookies bounds what is kept of cookies.
const maxCookies = 4096

// maxGUID bounds the header value; a real one has about 50 bytes.
const maxGUID = 256

// ParseGUID takes a GUID as people paste it, also with the JSESSIONID= in front
// and the attributes behind it that a Set-GUID header has. The error never holds
// the value.
func ParseGUID(raw string) (string, error) {
	guid, _, _ := strings.Cut(raw, ";")
	guid = unquoted(withoutName(strings.TrimSpace(guid)))
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

func withoutName(value string) string {
	const name = "JSESSIONID="
	if len(value) >= len(name) && strings.EqualFold(value[:len(name)], name) {
		return value[len(name):]
	}
	return value
}

func unquoted(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// guidOf finds a GUID in the Set-GUID headers of an answer [cec_07_0357,
// cec_05_40110]; "" where there is none. Several may come, also one that deletes.
func guidOf(h http.Header) string {
	for _, value := range h["Set-Guid"] {
		if guid, err := ParseGUID(value); err == nil && looksLikeGUID(guid) && !deletes(value) {
			return guid
		}
	}
	return ""
}

// looksLikeGUID tells a GUID from what else may stand in its header: it names the
// node that holds the session, or is at least as long and as random as a UUID.
func looksLikeGUID(s string) bool {
	id, node, named := strings.Cut(s, ".")
	if named {
		return id != "" && node != "" && only(id, letters+digits+"-_") && only(node, letters+digits+"-_.")
	}
	return len(id) >= 32 && only(id, "abcdefABCDEF"+digits+"-")
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func only(s, allowed string) bool { return strings.Trim(s, allowed) == "" }

// deletes reports whether a header that is written like a cookie takes one away.
func deletes(value string) bool {
	for attribute := range strings.SplitSeq(strings.ToLower(value), ";") {
		name, age, is := strings.Cut(strings.TrimSpace(attribute), "=")
		if is && name == "max-age" && (age == "0" || strings.HasPrefix(age, "-")) {
			return true
		}
	}
	return false
}

// guidOfSignIn looks where only a sign-in's answer has a GUID: releases differ, and on
// other answers a Guid header or such a cookie may be a proxy's.
func guidOfSignIn(h http.Header, cookies []*http.Cookie) string {
	if guid := guidOf(h); guid != "" {
		return guid
	}
	for _, value := range h["Guid"] {
		if guid, err := ParseGUID(value); err == nil && looksLikeGUID(guid) {
			return guid
		}
	}
	for _, cookie := range cookies {
		if cookie.Name != "JSESSIONID" && !strings.EqualFold(cookie.Name, "GUID") {
			continue
		}
		if guid, err := ParseGUID(cookie.Value); err == nil && guid != "deleted" && cookie.MaxAge >= 0 {
			return guid
		}
	}
	return ""
}

// cookiesAfter is what to send back of cookies after an answer: it may set, replace
// and delete some.
func cookiesAfter(before string, set []*http.Cookie) string {
	if len(set) == 0 {
		return before
	}
	var pairs []string
	for pair := range strings.SplitSeq(before, ";") {
		pair = strings.TrimSpace(pair)
		name, _, _ := strings.Cut(pair, "=")
		if pair != "" && !slices.ContainsFunc(set, func(c *http.Cookie) bool { return c.Name == name }) {
			pairs = append(pairs, pair)
		}
	}
	for _, cookie := range set {
		value := cookie.Value
		if cookie.Quoted {
			value = `"` + value + `"`
		}
		if value != "" && cookie.MaxAge >= 0 {
			pairs = append(pairs, cookie.Name+"="+value)
		}
	}
	after := strings.Join(pairs, "; ")
	if len(after) > maxCookies {
		return before // a balancer needs less, and all this is kept
	}
	return after
}
