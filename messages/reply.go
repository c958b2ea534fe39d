package messages

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxReplySize = 256 // bytes

// ReplyPatterns are the NATS subject patterns that a replyTo may match. None
// means that no reply is allowed.
type ReplyPatterns []string

// DefaultReplyPatterns allows request inboxes and forcelogout.replies.>.
func DefaultReplyPatterns() ReplyPatterns {
	return ReplyPatterns{"_INBOX.>", "forcelogout.replies.>"}
}

// Validate checks that every pattern is well-formed and that none could match a
// subject of the server: no wildcard as the first token and no '$' before it.
// The error is an *InvalidError of the field allow-reply.
func (p ReplyPatterns) Validate() error {
	for _, pattern := range p {
		if problem := patternProblem(pattern); problem != "" {
			return invalid("allow-reply", problem+", got "+quote(pattern))
		}
	}
	return nil
}

// Allow checks a command's replyTo: a plain subject of at most 256 bytes, no
// wildcard, no '$' at its start, and matched by a pattern. The error is an
// *InvalidError of the field replyTo.
func (p ReplyPatterns) Allow(subject string) error {
	if err := checkReplySubject(subject); err != nil {
		return err
	}
	for _, pattern := range p {
		if matches(pattern, subject) {
			return nil
		}
	}
	return invalid("replyTo", "matches no allowed pattern, got "+quote(subject))
}

func checkReplySubject(subject string) error {
	problem := subjectProblem(subject)
	if problem == "" && strings.ContainsAny(subject, "*>") {
		problem = "must not contain wildcards"
	}
	if problem != "" {
		return invalid("replyTo", problem+", got "+quote(subject))
	}
	return nil
}

// subjectProblem checks what subjects and patterns have in common.
func subjectProblem(s string) string {
	if len(s) > maxReplySize {
		return fmt.Sprintf("must have at most %d bytes", maxReplySize)
	}
	if !utf8.ValidString(s) {
		return "must be valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return "must not contain spaces or control characters"
		}
	}
	if strings.HasPrefix(s, "$") {
		return "must not start with '$', those subjects are the server's"
	}
	for token := range strings.SplitSeq(s, ".") {
		if token == "" {
			return "must not have empty tokens"
		}
	}
	return ""
}

func patternProblem(pattern string) string {
	if problem := subjectProblem(pattern); problem != "" {
		return problem
	}
	tokens := strings.Split(pattern, ".")
	if tokens[0] == "*" || tokens[0] == ">" {
		return "must not start with a wildcard, it would match the server's subjects"
	}
	for i, token := range tokens {
		if token == ">" && i != len(tokens)-1 {
			return "must have '>' only as the last token"
		}
		if len(token) > 1 && strings.ContainsAny(token, "*>") {
			return "must have wildcards only as whole tokens"
		}
	}
	return ""
}

// matches follows NATS: '*' is one token, a last '>' is one or more.
func matches(pattern, subject string) bool {
	for {
		want, morePattern, patternGoesOn := strings.Cut(pattern, ".")
		got, moreSubject, subjectGoesOn := strings.Cut(subject, ".")
		if want == ">" {
			return !patternGoesOn
		}
		if want != "*" && want != got {
			return false
		}
		if !patternGoesOn || !subjectGoesOn {
			return patternGoesOn == subjectGoesOn
		}
		pattern, subject = morePattern, moreSubject
	}
}
