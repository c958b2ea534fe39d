package report

import (
	"slices"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Keys say which entry of a result's meta has what. Empty ones stand for the usual names.
type Keys struct{ Name, Team, Shift string }

func usualNames() []string {
	return []string{"name", "agentname", "fullname", "displayname", "employeename", "agent", "employee"}
}
func usualTeams() []string  { return []string{"team", "teamname", "agentteam", "group", "unit"} }
func usualShifts() []string { return []string{"shift", "shiftid", "shiftname"} }

// Row is one result with what a report says of it.
type Row struct {
	messages.Result
	Name, Team, Shift string    // from meta
	At                time.Time // decides which day it is on
	Ended             time.Time
}

// NewRow makes a row of a result. The time at which the result was stored counts where the
// result itself has none.
func NewRow(r messages.Result, storedAt time.Time, k Keys) Row {
	row := Row{Result: r, Ended: firstTime(r.FinishedAt, storedAt)}
	row.At = firstTime(r.NotBefore, r.StartedAt, r.FinishedAt, storedAt)
	row.Name = entry(r.Meta, k.Name, usualNames())
	row.Team = entry(r.Meta, k.Team, usualTeams())
	row.Shift = entry(r.Meta, k.Shift, usualShifts())
	return row
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// entry is the value of a key, or of the first of the usual ones that is there.
func entry(meta map[string]string, key string, usual []string) string {
	if key != "" {
		usual = []string{fold(key)}
	}
	best, value := len(usual), ""
	for name, text := range meta {
		i := slices.Index(usual, fold(name))
		// Of two names that fold to the same, the first value: maps have no order.
		if i >= 0 && text != "" && (i < best || i == best && text < value) {
			best, value = i, text
		}
	}
	return value
}

// fold makes names comparable as the columns of a shift file are.
func fold(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-", r) {
			return -1
		}
		return r
	}, name))
}

// Class is what an outcome comes to for who reads a report.
type Class int

// The classes.
const (
	Done   Class = iota // the agent is signed out
	Missed              // the agent should be, and is not, as far as is known
	Spared              // nobody wanted it any more
)

// Classes are all of them.
func Classes() []Class { return []Class{Done, Missed, Spared} }

// Words says a class.
func (c Class) Words() string {
	switch c {
	case Done:
		return "done"
	case Missed:
		return "not done"
	default:
		return "withdrawn or spared"
	}
}

// Mark tells a class where there are no colours.
func (c Class) Mark() string { return [...]string{"✓", "✗", "–"}[c] }

// Class is the class of the row's outcome. An outcome that this version does not know is
// no success.
func (r Row) Class() Class {
	switch {
	case r.Outcome.Success():
		return Done
	case r.Outcome == messages.OutcomeCancelled || r.Outcome == messages.OutcomeSuperseded:
		return Spared
	default:
		return Missed
	}
}

// Why says why the agent was not signed out, or not by this command, or that they came
// back; "" where they were and did not.
func (r Row) Why() string {
	if r.Returned != nil && *r.Returned {
		return strings.TrimSuffix("signed in again since; "+r.why(), "; ")
	}
	return r.why()
}

func (r Row) why() string {
	words := r.Cause.Words()
	switch {
	case words == "" || strings.HasPrefix(r.Error, words):
		return r.Error
	case r.Error == "":
		return words
	}
	return words + ": " + r.Error
}

// Seen says whether somebody looked that the agent was signed out, "" where nobody did.
func (r Row) Seen() string {
	switch {
	case r.Confirmed == nil:
		return ""
	case *r.Confirmed:
		return "seen"
	}
	return "not seen"
}

// Before says what the agent was doing before the call, "" where nobody asked, and whether
// a condition could not be asked.
func (r Row) Before() string {
	words := r.AgentState.Words()
	switch {
	case r.Conditions != messages.ConditionsUnknown:
		return words
	case words == "":
		return "conditions not known"
	}
	return words + ", conditions not known"
}

// Asked says who wanted it, and why.
func (r Row) Asked() string {
	switch {
	case r.Reason == "":
		return r.RequestedBy
	case r.RequestedBy == "":
		return r.Reason
	}
	return r.RequestedBy + ": " + r.Reason
}
