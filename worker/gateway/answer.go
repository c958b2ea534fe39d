package gateway

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RetcodeSuccess is the only retcode that means that the call worked [cec_07_0580].
const RetcodeSuccess = "0"

// Answer is what the gateway, or something in front of it, said to a call. It
// is data: what it means for a command is decided elsewhere.
type Answer struct {
	HTTPStatus int           // 0 where no response came
	Retcode    string        // "" where the body held none: then it is no answer of the gateway
	Message    string        // the gateway's text, one printable line of at most 512 bytes
	RetryAfter time.Duration // from a Retry-After header of an HTTP error, 0 if none
	GUID       string        // what to use from now on, where the answer brought a new one; a secret
}

// succeeded tells an answer of the gateway itself from a success that something
// in front of it claims.
func (a Answer) succeeded() bool {
	return a.HTTPStatus == http.StatusOK && a.Retcode == RetcodeSuccess
}

// maxMessage bounds the gateway's text before it goes into results and logs.
const maxMessage = 512

// envelope is the part that all answers share [cec_07_0441]. Releases differ:
// some send numbers for strings and some call the text msg [cec_05_4023].
type envelope struct {
	Retcode jsontext.Value `json:"retcode"`
	Message jsontext.Value `json:"message"`
	Msg     jsontext.Value `json:"msg"`
}

// lenient is how answers are read: releases differ in more than is known. It is made
// once, as what it has learnt about types is kept in it.
var lenient = json.JoinOptions(
	json.MatchCaseInsensitiveNames(true),
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true))

func parseAnswer(resp *http.Response, body []byte) Answer {
	answer := Answer{HTTPStatus: resp.StatusCode}
	if resp.StatusCode/100 != 2 {
		answer.RetryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	// By what it is and not by what its Content-Type says: gateways call JSON text/html,
	// and proxies' pages are no JSON.
	var env envelope
	if json.Unmarshal(body, &env, lenient) != nil {
		return answer
	}
	answer.Retcode = clean(text(env.Retcode), 32)
	answer.Message = clean(text(env.Message), maxMessage)
	if answer.Message == "" {
		answer.Message = clean(text(env.Msg), maxMessage)
	}
	if answer.succeeded() {
		answer.GUID = guidOf(resp.Header)
	}
	return answer
}

// text reads a JSON string or number as a string; anything else is "".
func text(raw []byte) string {
	switch value := jsontext.Value(raw); value.Kind() {
	case jsontext.KindString:
		if bytes.IndexByte(raw, '\\') < 0 {
			return string(raw[1 : len(raw)-1]) // what nearly all answers are; clean mends broken bytes
		}
		inner, _ := jsontext.AppendUnquote(nil, value) // what is broken in it has been replaced
		return string(inner)
	case jsontext.KindNumber:
		return string(raw)
	default:
		return ""
	}
}

// clean makes text from outside one printable line, so that it can forge no
// log line and no header.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	for i := range s {
		if i > limit {
			return strings.ToValidUTF8(s[:limit], "")
		}
	}
	return s
}

// parseRetryAfter reads the header's two forms, seconds and a date (RFC 9110,
// 10.2.3). A value that makes no sense is as good as none.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
