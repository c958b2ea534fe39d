package messages

import "strings"

const (
	// DefaultPrefix is the prefix of an installation that chose none.
	DefaultPrefix Prefix = "forcelogout"
	// DefaultVCC is the name of the only virtual contact center where none was named.
	DefaultVCC = "default"
	// AnyToken stands for every vcc, workNo or id, to build a filter subject.
	AnyToken = "*"
)

const maxPrefixSize = 64

// Prefix builds all subject, stream and consumer names of one installation, so
// that several can share one NATS account. The zero value is not valid, use
// DefaultPrefix. Its methods do not check their arguments: pass values that
// ValidateVCC, ValidateWorkNo and ValidateID accept, or AnyToken.
type Prefix string

// Validate checks the prefix: tokens of [A-Za-z0-9_-] separated by dots, at most
// 64 bytes, not starting with '$' or '_', which are the server's and the
// inboxes'. The error is an *InvalidError. Prefixes that differ only in case, or
// in dot and underscore, share stream names and cannot live side by side.
func (p Prefix) Validate() error {
	problem := "must be tokens of [A-Za-z0-9_-] separated by dots, at most 64 bytes, got "
	if len(p) > maxPrefixSize {
		return invalid("prefix", problem+quote(string(p)))
	}
	if strings.HasPrefix(string(p), "_") || strings.HasPrefix(string(p), "$") {
		return invalid("prefix", "must not start with '$' or '_', got "+quote(string(p)))
	}
	for token := range strings.SplitSeq(string(p), ".") {
		if !isToken(token, maxPrefixSize) {
			return invalid("prefix", problem+quote(string(p)))
		}
	}
	return nil
}

// Commands is where commands are published.
func (p Prefix) Commands(vcc string) string { return p.subject("commands", vcc) }

// MessageID is the Nats-Msg-Id of a command: the window in which the stream finds
// repeats spans all VCCs, ids do not.
func MessageID(vcc, id string) string { return vcc + "." + id }

// Schedule is where a command for later waits, one subject per command.
func (p Prefix) Schedule(vcc, id string) string { return p.subject("schedule", vcc, id) }

// Result is the subject of a command's one result.
func (p Prefix) Result(vcc, workNo, id string) string { return p.subject("results", vcc, workNo, id) }

// Dead is where invalid commands go.
func (p Prefix) Dead(vcc string) string { return p.subject("dead", vcc) }

// Parked is where notes about one command are: how far a worker got that hands it
// back, and that it was withdrawn.
func (p Prefix) Parked(vcc, id string) string { return p.subject("parked", vcc, id) }

// Progress is the subject of a command's live events.
func (p Prefix) Progress(vcc, workNo, id string) string {
	return p.subject("progress", vcc, workNo, id)
}

// GatewayState is where workers tell that the gateway of a VCC is down, or back.
func (p Prefix) GatewayState(vcc string) string { return p.subject("progress", vcc) }

// Cancel is where the workers of a VCC hear that a command was withdrawn.
func (p Prefix) Cancel(vcc string) string { return p.subject("cancel", vcc) }

// Status is where the workers of a VCC are asked how they stand.
func (p Prefix) Status(vcc string) string { return p.subject("status", vcc) }

// Session is where the workers of an inspector talk about its session. The kind
// is check or needed.
func (p Prefix) Session(kind, vcc, inspector string) string {
	return p.subject("session", kind, vcc, inspector)
}

// Backlog is where the workers of a VCC agree which of them ends commands that expire
// while none can be executed. It is below the subject of sessions, where workers talk
// about what they share.
func (p Prefix) Backlog(vcc string) string { return p.subject("session", "backlog", vcc) }

func (p Prefix) subject(tokens ...string) string {
	var all [5]string // a copy that stays on the stack
	return strings.Join(append(append(all[:0], string(p)), tokens...), ".")
}

// Stream is the name of a stream or bucket: Stream("COMMANDS") of the default
// prefix is FORCELOGOUT_COMMANDS.
func (p Prefix) Stream(kind string) string {
	return strings.ToUpper(p.underscored()) + "_" + kind
}

// Consumer is the name of the durable consumer that all workers of a vcc share.
func (p Prefix) Consumer(vcc string) string { return p.underscored() + "-" + vcc }

func (p Prefix) underscored() string { return strings.ReplaceAll(string(p), ".", "_") }

// Owns reports whether a subject is one of the installation's own: a reply sent
// there could forge a result or a command, whatever ReplyPatterns allow.
func (p Prefix) Owns(subject string) bool {
	rest, ok := strings.CutPrefix(subject, string(p)+".")
	if !ok {
		return false
	}
	kind, _, _ := strings.Cut(rest, ".")
	switch kind {
	case "commands", "schedule", "results", "dead", "parked", "progress", "session", "cancel", "status":
		return true
	}
	return false
}
