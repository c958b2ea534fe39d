package console

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forcelogout/forcelogout/messages"
)

// resultLine is one result: a line, and where not all fits into it, a second one.
// Neither is longer than width columns.
func resultLine(r messages.Result, paint painter, width int, ids bool) string {
	line := fmt.Sprintf("%s  %-6s  %-18s  %-8s", r.FinishedAt.Local().Format(time.TimeOnly), r.WorkNo, r.Outcome, Plural(r.Attempts, "call"))
	if !r.StartedAt.IsZero() {
		line += "  " + round(r.FinishedAt.Sub(r.IssuedAt)).String()
	}
	line = Printable(strings.TrimRight(line, " "))
	more := ""
	if ids {
		more = "  " + r.VCC + "/" + r.ID
	}
	if r.Error != "" {
		more += "  " + r.Error
	}
	if r.Returned != nil && *r.Returned {
		more += "  is back"
	}
	more = Printable(more)
	if utf8.RuneCountInString(line+more) > width {
		more = "\n" + Clip("          "+strings.TrimLeft(more, " "), width)
	}
	return strings.Replace(line, string(r.Outcome), paint.outcome(r.Outcome), 1) + more
}

func progressLine(p messages.Progress) string {
	line := fmt.Sprintf("%s  %-6s  ", p.At.Local().Format(time.TimeOnly), p.WorkNo)
	switch {
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitCall:
		line += "waits for the end of the agent's call, next look " + p.Until.Local().Format(time.TimeOnly)
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitStayOut:
		line += "signed out, one more look " + p.Until.Local().Format(time.TimeOnly)
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitPace:
		line += "waits for a turn, as calls per minute are limited"
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitGateway:
		line += "waits for the gateway, which is down"
	case p.Phase == messages.PhaseWait && p.WaitFor == messages.WaitSession:
		line += "waits for an inspector's session"
	case p.Phase == messages.PhaseWait && p.Attempt == 0:
		line += "waits until " + p.Until.Local().Format(time.TimeOnly)
	case p.Phase == messages.PhaseWait:
		line += fmt.Sprintf("waits %s before call %d", round(p.Until.Sub(p.At)), p.Attempt+1)
	case p.Error != "":
		line += fmt.Sprintf("call %d: %s", p.Attempt, p.Error)
	default:
		line += fmt.Sprintf("call %d: signed out", p.Attempt)
	}
	return line + "  " + p.VCC + "/" + p.ID
}

func gatewayLine(s messages.GatewayState) string {
	line := fmt.Sprintf("%s  gateway of %s: %s, says worker %s", s.At.Local().Format(time.TimeOnly), s.VCC, s.State, s.Worker)
	if s.Error != "" {
		line += ": " + s.Error
	}
	return line
}

func round(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// withKind adds to a JSON object what it is.
func withKind(kind string, object []byte) string {
	rest, is := strings.CutPrefix(strings.TrimSpace(string(object)), "{")
	if !is {
		return string(object)
	}
	if strings.HasPrefix(strings.TrimSpace(rest), "}") {
		return fmt.Sprintf("{%q:%q%s", "kind", kind, rest)
	}
	return fmt.Sprintf("{%q:%q,%s", "kind", kind, rest)
}
