package console

import "github.com/forcelogout/forcelogout/messages"

// painter colours words where the output is a terminal.
type painter bool

func (p painter) outcome(o messages.Outcome) string { return p.by(o, string(o)) }

// by gives a text the colour of an outcome.
func (p painter) by(o messages.Outcome, text string) string {
	const green, yellow, red, plain = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch {
	case !bool(p):
		return text
	case o.Success():
		return green + text + plain
	case o == messages.OutcomeFailed || o == messages.OutcomeRejected:
		return red + text + plain
	default:
		return yellow + text + plain
	}
}
