package shift

import (
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Conditions are a command's conditions as cells have them; "" for none.
type Conditions struct {
	WhenIdle       string // true
	GraceUntil     string
	WrapUp         string
	SignedInBefore string
	StayOut        string
}

// beside are the cells of conditions that a row does not say itself. A row that is not to
// wait for an idle agent gets no grace.
func (c Conditions) beside(command messages.Command, says func(field string) bool) map[string]string {
	cells := map[string]string{}
	add := func(field, cell, text string) {
		if text != "" && !says(field) {
			cells[cell] = text
		}
	}
	add("signedInBefore", "signedinbefore", c.SignedInBefore)
	add("stayOut", "stayout", c.StayOut)
	if says("whenIdle") && !command.WhenIdle {
		return cells
	}
	add("whenIdle", "whenidle", c.WhenIdle)
	add("graceUntil", "graceuntil", c.GraceUntil)
	add("wrapUp", "wrapup", c.WrapUp)
	return cells
}

// Check reports a time that cannot be read, before any row is.
func (c Conditions) Check(now time.Time, loc *time.Location) error {
	if c.SignedInBefore == "" {
		return nil
	}
	if _, err := lastWhen(c.SignedInBefore, now.In(loc)); err != nil {
		return fmt.Errorf("%q: %w", c.SignedInBefore, err)
	}
	return nil
}
