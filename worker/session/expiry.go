package session

import (
	"fmt"
	"log/slog"
	"time"
)

// soonDays is how early the end of a password is worth a warning.
const soonDays = 3

// passwordEnds notes when the password expires.
func (in *inspector) passwordEnds(at time.Time) {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	news := !in.passwordUntil.Equal(at)
	in.passwordUntil = at
	if why := in.passwordWarning(); why != nil && news {
		in.note(slog.LevelWarn, "password", slog.Any("error", why))
	}
}

// passwordDays is how long the password is good; known is false where nobody says.
func (in *inspector) passwordDays() (days float64, known bool) {
	if in.passwordUntil.IsZero() {
		return 0, false
	}
	return in.passwordUntil.Sub(in.pool.cfg.Now()).Hours() / 24, true
}

func (in *inspector) passwordWarning() error {
	if days, known := in.passwordDays(); known && days <= soonDays {
		return fmt.Errorf("the password ends on %s: change it at the gateway and in the password file", in.passwordUntil.UTC().Format(time.DateOnly))
	}
	return nil
}
