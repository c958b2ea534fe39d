package client

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// Shift is what one row of a shift file speaks for: the evening of one agent. The row's
// time is no part of it, nor is the file's name, so that a later file about the same
// shift moves what an earlier one has planned.
type Shift struct {
	WorkNo string
	Day    string // on which the shift begins, as 2026-11-25
	ID     string // the planner's own name of the shift; "" where an agent has one shift a day
}

// ShiftOf is the shift that a command ends. Its day is that of signedInBefore, which is
// the shift's start, or else that of the command's time.
func ShiftOf(c messages.Command, due time.Time, loc *time.Location) Shift {
	began := due
	if before := c.SignedInBefore; !before.IsZero() && before.Before(due) && due.Sub(before) < 24*time.Hour {
		began = before
	}
	return Shift{WorkNo: c.WorkNo, Day: began.In(loc).Format(time.DateOnly), ID: shiftID(c.Meta)}
}

// shiftID is the planner's name of the shift: the meta entry shiftId, however an export
// writes that.
func shiftID(meta map[string]string) string {
	for name, value := range meta {
		if strings.EqualFold(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name), "shiftid") {
			return value
		}
	}
	return ""
}

// name is the shift's part of command ids. A shift with a name of its own keeps it on
// another day.
func (s Shift) name() string {
	kind, what := "day", s.Day
	if s.ID != "" {
		kind, what = "id", s.ID
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{s.WorkNo, kind, what}, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// commandID is the id of the shift's command. An id that has ended is done for good, so
// a shift that is planned again then has the next revision.
func (s Shift) commandID(revision int) string {
	return "p-" + strings.ReplaceAll(s.Day, "-", "") + "-" + s.name() + "-" + strconv.Itoa(revision)
}

var planID = regexp.MustCompile(`^p-(\d{4})(\d{2})(\d{2})-([0-9a-f]{24})-(\d{1,6})$`)

// planned is what the id of a plan's command says.
type planned struct {
	day, name string
	revision  int
}

func readPlanID(id string) (planned, bool) {
	found := planID.FindStringSubmatch(id)
	if found == nil {
		return planned{}, false
	}
	revision, err := strconv.Atoi(found[5])
	return planned{found[1] + "-" + found[2] + "-" + found[3], found[4], revision}, err == nil
}
