package console

import "github.com/forcelogout/forcelogout/messages"

// painter colours words where the output is a terminal.
type painter bool

func (p painter) outcome(o messages.Outcome) string {
	const green, yellow, red, plain = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch {
	case !bool(p):
		return string(o)
	case o.Success():
		return green + string(o) + plain
	case o == messages.OutcomeFailed || o == messages.OutcomeRejected:
		return red + string(o) + plain
	default:
		return yellow + string(o) + plain
	}
}
