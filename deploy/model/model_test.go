package model

import (
	"os"
	"strings"
	"testing"
	"time"
)

func base() Config { return Config{Workers: 2, Messages: 1, AckWait: 3, Call: 1, Pull: 2} }

func try(t *testing.T, name string, change func(*Config)) {
	if w := os.Getenv("W"); w != "" && w != name {
		return
	}
	c := base()
	change(&c)
	b := time.Now()
	lim := 8_000_000
	if os.Getenv("L") != "" {
		lim = 40_000_000
	}
	f := Explore(c, lim)
	t.Logf("%s: states %d cut %v wrong %q %v size", name, f.States, f.Cut, f.Wrong, time.Since(b))
	if f.Wrong != "" {
		t.Log("\n" + strings.Join(f.History, "\n"))
	}
}

func TestTry(t *testing.T) {
	all := func(c *Config) {
		c.Faults = 2
		c.Hold = true
		c.Cut = true
		c.Pause = true
		c.Crash = true
		c.Impatient = true
	}
	try(t, "nothing", func(c *Config) {})
	try(t, "trouble", func(c *Config) { c.Trouble = 2; c.HandBacks = 2 })
	try(t, "hold1", func(c *Config) { c.Trouble = 1; c.Faults = 1; c.Hold = true })
	try(t, "all1", func(c *Config) { all(c); c.Trouble = 1; c.Faults = 1; c.HandBacks = 1 })
	try(t, "A2", func(c *Config) { all(c); c.HandBacks = 1 })
	try(t, "B2", func(c *Config) { all(c); c.Trouble = 1 })
	try(t, "C2", func(c *Config) { all(c); c.Cancel = true; c.Trouble = 1 })
	try(t, "D2", func(c *Config) { all(c); c.Delete = true; c.Cancel = true })
	try(t, "D1", func(c *Config) { all(c); c.Faults = 1; c.Delete = true; c.Cancel = true; c.Trouble = 1 })
	try(t, "E1", func(c *Config) { all(c); c.Messages = 2; c.Faults = 1 })
	try(t, "F2", func(c *Config) { all(c); c.LongLife = true; c.Delete = true; c.Faults = 2 })
	try(t, "G1", func(c *Config) { all(c); c.Workers = 3; c.HandBacks = 1; c.Faults = 1 })
	try(t, "H1", func(c *Config) { all(c); c.Expire = true; c.Trouble = 1; c.HandBacks = 1; c.Faults = 1 })
	try(t, "I1", func(c *Config) {
		all(c)
		c.NoQuery = true
		c.Trouble = 2
		c.HandBacks = 1
		c.Faults = 1
		c.Cancel = true
	})
	try(t, "J2", func(c *Config) { all(c); c.Earlier = true })
	try(t, "K2", func(c *Config) {
		all(c)
		c.Workers = 3
		c.HandBacks = 1
		c.Hold = true
		c.Faults = 2
		c.Cancel = true
	})
	try(t, "L2", func(c *Config) { all(c); c.Messages = 2; c.Faults = 2 })
	try(t, "M2", func(c *Config) { all(c); c.Trouble = 2; c.HandBacks = 1; c.Faults = 2; c.Cancel = true })
	try(t, "N2", func(c *Config) { all(c); c.Trouble = 1; c.HandBacks = 1; c.Faults = 3 })
	try(t, "P1", func(c *Config) { c.Faults = 2; c.Hold = true; c.HandBacks = 1 })
	try(t, "P2", func(c *Config) { c.Faults = 2; c.Hold = true; c.Pause = true; c.Cancel = true })
	try(t, "P3", func(c *Config) { c.Faults = 2; c.Hold = true; c.HandBacks = 1; c.Cancel = true })
	try(t, "P4", func(c *Config) { c.Faults = 2; c.Hold = true; c.Delete = true })
	try(t, "P5", func(c *Config) { c.Faults = 2; c.Pause = true; c.Crash = true; c.Delete = true; c.Cancel = true })
	try(t, "P6", func(c *Config) {
		c.Faults = 2
		c.Pause = true
		c.Crash = true
		c.Cut = true
		c.Trouble = 1
		c.HandBacks = 1
	})
	try(t, "P7", func(c *Config) { c.Faults = 2; c.Hold = true; c.HandBacks = 1; c.Workers = 3 })
	try(t, "P8", func(c *Config) { all(c); c.Faults = 1; c.NoQuery = true; c.Trouble = 1 })
	try(t, "P9", func(c *Config) { c.Faults = 2; c.Crash = true; c.Pause = true; c.Messages = 2 })
	// Old
	try(t, "old1", func(c *Config) { all(c); c.Faults = 1; c.Old.FreshOnArrival = true })
	try(t, "old2", func(c *Config) { all(c); c.Faults = 1; c.Old.ProvenByServer = true })
	try(t, "old3", func(c *Config) { all(c); c.HandBacks = 1; c.Old.NakUnguarded = true; c.Old.NoClaims = true })
	try(t, "old3c", func(c *Config) { c.Faults = 2; c.Hold = true; c.HandBacks = 1; c.Old.NoClaims = true })
	try(t, "old3n", func(c *Config) { all(c); c.HandBacks = 1; c.Faults = 1; c.Old.NakUnguarded = true })
	try(t, "old4", func(c *Config) { all(c); c.Faults = 2; c.Old.GapAbsorbed = true; c.Old.NoClaims = true })
	try(t, "old5", func(c *Config) { all(c); c.Faults = 1; c.Delete = true; c.Old.AnewIgnored = true })
	try(t, "old12", func(c *Config) { all(c); c.Faults = 0; c.Messages = 2; c.Old.NoClaimForRepeat = true })
	try(t, "old14", func(c *Config) { all(c); c.Faults = 0; c.Earlier = true; c.Old.NoteBySequence = true })
	try(t, "new14", func(c *Config) { all(c); c.Faults = 1; c.Earlier = true })
	try(t, "old18", func(c *Config) { all(c); c.Faults = 0; c.Trouble = 2; c.Old.QuestionDropped = true })
	try(t, "old16", func(c *Config) { all(c); c.Faults = 0; c.Trouble = 1; c.Cancel = true; c.Old.CancelUnasked = true })
	try(t, "old17", func(c *Config) { all(c); c.Faults = 1; c.Expire = true; c.Old.LoserSpeaks = true })
}
