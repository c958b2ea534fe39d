package shift

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// defaultExpiry is how long after its time a command may run that is for later.
const defaultExpiry = 15 * time.Minute

// Row makes a command of named cells; meta are those that no field has.
func (d Defaults) Row(cells, meta map[string]string) (Row, error) {
	row := Row{VCC: or(cells["vcc"], d.VCC), At: d.At}
	if err := messages.ValidateVCC(row.VCC); err != nil {
		return row, err
	}
	var err error
	if text := cells["tz"]; text != "" {
		if d.Loc, err = rowZone(text, d.Rules.Zones); err != nil {
			return row, err
		}
	}
	if err := d.timed(&row, cells); err != nil {
		return row, err
	}
	row.Command = messages.Command{
		ID: cells["id"], WorkNo: cells["workno"], Inspector: or(cells["inspector"], d.Inspector),
		Reason: or(cells["reason"], d.Reason), RequestedBy: or(cells["requestedby"], d.RequestedBy), ReplyTo: cells["replyto"],
	}
	if len(meta) > 0 {
		row.Command.Meta = meta
	}
	if err := d.conditions(&row, cells); err != nil {
		return row, err
	}
	if row.Command.ID == "" {
		row.Command.ID = d.id(row, relative(cells))
	}
	return d.withConditions(row, func(name string) bool { return cells[strings.ToLower(name)] != "" })
}

// withConditions adds the conditions that a row does not say itself, and completes it. They
// are no part of ids: who sends the same file with others changes the same commands.
func (d Defaults) withConditions(row Row, says func(field string) bool) (Row, error) {
	if err := d.conditions(&row, d.Conditions.beside(row.Command, says)); err != nil {
		return row, err
	}
	return d.complete(row)
}

// timed reads the row's times.
func (d Defaults) timed(row *Row, cells map[string]string) error {
	start, at, text, err := d.times(cells)
	if err != nil {
		return err
	}
	if row.Start, row.Loc = start, d.Loc; !at.IsZero() {
		row.At, row.Clock = at, clockChange(text, at, d.Loc)
	}
	return nil
}

// when reads a time that lies ahead of base, or has passed where that is all the same.
func (d Defaults) when(text string, base time.Time) (time.Time, error) {
	if !d.Passed && !d.Late {
		return ParseWhen(text, base, d.Loc)
	}
	at, err := nearWhen(strings.TrimSpace(text), base.In(d.Loc))
	if err != nil {
		return at, fmt.Errorf("%q: %w", text, err)
	}
	return at, nil
}

// conditions reads the cells about times. A duration counts from the row's time, and a
// time of day is the first after it; of signedInBefore it is the last that is not
// after it.
func (d Defaults) conditions(row *Row, cells map[string]string) error {
	c := &row.Command
	from := d.Now
	if !row.At.IsZero() {
		from = row.At
	}
	for _, cell := range []struct {
		name string
		base time.Time
		to   *time.Time
	}{{"notBefore", d.Now, &c.NotBefore}, {"expiresAt", from, &c.ExpiresAt}, {"graceUntil", from, &c.GraceUntil}} {
		text := cells[strings.ToLower(cell.name)]
		if text == "" {
			continue
		}
		base := cell.base
		if strings.HasPrefix(text, "+") {
			base = from
			if cell.to == &c.GraceUntil {
				base = d.due(row)
			}
		}
		at, err := d.condition(text, base)
		if err != nil {
			return fmt.Errorf("%s: %w", cell.name, err)
		}
		*cell.to = at
	}
	if text := cells["signedinbefore"]; text != "" {
		at, err := lastWhen(text, d.due(row).In(d.Loc))
		if err != nil {
			return fmt.Errorf("signedInBefore: %q: %w", text, err)
		}
		c.SignedInBefore = at
	}
	switch strings.ToLower(cells["whenidle"]) {
	case "", "false":
	case "true":
		c.WhenIdle = true
	default:
		return fmt.Errorf("whenIdle: must be true or false, got %q", cells["whenidle"])
	}
	for name, to := range map[string]*messages.Duration{"wrapUp": &c.WrapUp, "stayOut": &c.StayOut} {
		text := cells[strings.ToLower(name)]
		if text == "" {
			continue
		}
		if err := to.UnmarshalText([]byte(text)); err != nil || *to <= 0 {
			return fmt.Errorf("%s: must be a length of time such as 60s, got %q", name, text)
		}
	}
	return nil
}

// due is when a row's command may run first.
func (d Defaults) due(row *Row) time.Time {
	switch c := row.Command; {
	case c.NotBefore.After(row.At):
		return c.NotBefore
	case !row.At.IsZero():
		return row.At
	case !d.NotBefore.IsZero():
		return d.NotBefore
	default:
		return d.Now
	}
}

// condition reads a time of day as the first after base, and any other as it is.
func (d Defaults) condition(text string, base time.Time) (time.Time, error) {
	if at, is := firstTimeOfDay(strings.TrimSpace(text), base.In(d.Loc)); is {
		return at, nil
	}
	return d.when(text, base)
}

// complete settles the times and checks the whole.
func (d Defaults) complete(row Row) (Row, error) {
	c := &row.Command
	if c.IssuedAt.IsZero() {
		c.IssuedAt = d.Now.UTC().Truncate(time.Millisecond)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = row.At
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = d.NotBefore
	}
	if c.NotBefore.IsZero() && !d.rules().Immediate {
		return row, errors.New("at: there is no time: give it, or --at TIME for all, or --now")
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = d.expiry(*c)
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(d.Now) && !d.Passed && !d.Late {
		return row, errors.New("expiresAt: it has passed")
	}
	return row, c.Validate()
}

// expiry is when a command ends that does not say so. One for at once leaves that
// to the workers, unless ExpiresIn is given.
func (d Defaults) expiry(c messages.Command) time.Time {
	life := d.ExpiresIn
	switch {
	case life == 0 && c.NotBefore.IsZero():
		return time.Time{}
	case life == 0:
		life = defaultExpiry
	}
	return c.Expiry(d.Now, life)
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
