package model

import (
	"flag"
	"strings"
	"testing"
)

var long = flag.Bool("long", false, "explore more faults at once: about an hour, and some 8 GB of memory")

const (
	fewStates  = 4_000_000
	manyStates = 100_000_000
)

// TestProtocol: nothing is found in any history of these worlds.
func TestProtocol(t *testing.T) {
	for _, cfg := range []Config{
		world("no fault, gateway in trouble", trouble(3), func(c *Config) { c.HandBacks = 2 }),
		world("any fault", faults(1, every), trouble(1), handBack),
		world("withdrawn", faults(1, every), trouble(1), cancels),
		world("withdrawn and handed back", faults(1, holds, holdsIn, crashes), handBack, cancels),
		world("expires", faults(1, holds, crashes), trouble(1), handBack, expires),
		world("attempts used up", faults(1, holds), trouble(3)),
		world("late nak", faults(2, holds), handBack),
		world("stopped and crashed", faults(2, pauses, crashes), trouble(1)),
		world("one id twice", faults(1, every), twice),
		world("consumer made anew", faults(2, pauses, crashes, deletes), cancels),
		world("consumer made anew, bytes held", faults(2, holds, deletes)),
		world("stream made anew", faults(1, every), earlier),
		world("no state query", faults(1, every), trouble(1), noQuery),
		world("three workers", faults(1, every), handBack, three),
	} {
		t.Run(cfg.Name, func(t *testing.T) {
			t.Parallel()
			findNothing(t, cfg, fewStates)
		})
	}
}

// TestProtocolLong is TestProtocol with more at once.
func TestProtocolLong(t *testing.T) {
	if !*long {
		t.Skip("takes about an hour; run it with -long")
	}
	for _, cfg := range []Config{
		world("any two faults", faults(2, every), handBack),
		world("any two faults, gateway in trouble", faults(2, every), trouble(1)),
		world("any two faults, withdrawn", faults(2, every), cancels),
		world("consumer made anew and any fault", faults(2, every, deletes), cancels),
		world("consumer made anew, bytes held, crash", faults(3, holds, crashes, deletes)),
		world("one id twice, held and stopped", faults(2, holds, pauses), twice),
		world("late nak, three workers", faults(2, holds), handBack, three),
		world("late nak, withdrawn", faults(2, holds, holdsIn), handBack, cancels),
		world("three faults", faults(3, pauses, crashes, cuts), trouble(1)),
		world("always claimed, consumer made anew", faults(2, holds, pauses, deletes), longLife),
		world("consumer made anew, late nak", faults(2, holds, deletes), handBack),
		world("consumer made anew, three workers", faults(2, holds, crashes, deletes), three),
		world("one id twice, withdrawn", faults(1, every), twice, cancels),
		world("one id twice, handed back", faults(1, every), twice, handBack, trouble(1)),
		world("one id twice, consumer made anew", faults(2, pauses, crashes, deletes), twice),
		world("no state query, two faults", faults(2, holds, pauses, crashes), noQuery, handBack),
		world("long calls", faults(1, every), trouble(1), handBack, slower),
	} {
		t.Run(cfg.Name, func(t *testing.T) { findNothing(t, cfg, manyStates) })
	}
}

func findNothing(t *testing.T, cfg Config, limit int) {
	t.Helper()
	if testing.Short() {
		t.Skip("tries millions of histories: not with -short")
	}
	skipUnderRace(t)
	found := Explore(cfg, limit)
	t.Logf("%d states", found.States)
	if found.Cut {
		t.Errorf("not all histories were tried: there are more than %d states", limit)
	}
	if found.Wrong != "" {
		t.Errorf("%s:\n%s", found.Wrong, strings.Join(found.History, "\n"))
	}
}

// TestOldFaults: each fault of before is found when it is switched back on. What it
// leads to is the kind of harm that it did.
func TestOldFaults(t *testing.T) {
	for _, test := range []struct {
		Config
		old   Old
		wrong string
	}{
		{world("a delivery is fresh when it arrives", faults(1, every)), Old{FreshOnArrival: true}, overlap},
		{world("the connected server proves an extension", faults(1, every)), Old{ProvenByServer: true}, overlap},
		{world("handed back without note and lease", faults(1, holds), handBack), Old{NakUnguarded: true, NoClaims: true}, overlap},
		{world("a nak that is late, and no claims", faults(2, holds), handBack), Old{NoClaims: true}, overlap},
		{world("a redelivery with a gap is absorbed", faults(2, pauses), handBack), Old{GapAbsorbed: true, NoClaims: true}, calledAgain},
		{world("the consumer made anew counts as the same", faults(1, deletes)), Old{AnewIgnored: true}, overlap},
		{world("no claim for repeats", twice), Old{NoClaimForRepeat: true}, overlap},
		{world("a note's sequence is not compared", earlier), Old{NoteBySequence: true}, lostCommand},
		{world("cancelled without asking", trouble(1), cancels), Old{CancelUnasked: true}, untrueCancel},
		{world("whose result is refused speaks too", faults(1, every), expires), Old{LoserSpeaks: true}, twoResults},
		{world("an unanswered state query is dropped", trouble(2)), Old{QuestionDropped: true}, calledAgain},
	} {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			test.Config.Old = test.old
			find(t, test.Config, test.wrong)
		})
	}
}

// TestClaimsFence: with claims, two of these faults alone do no harm. They are mended
// all the same: a fence is for what cannot be prevented, as a nak that is held.
func TestClaimsFence(t *testing.T) {
	for _, test := range []struct {
		Config
		old Old
	}{
		{world("handed back without note and lease", faults(1, every), handBack), Old{NakUnguarded: true}},
		{world("a redelivery with a gap is absorbed", faults(2, pauses), handBack), Old{GapAbsorbed: true}},
	} {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			test.Config.Old = test.old
			findNothing(t, test.Config, fewStates)
		})
	}
}

// TestRules: each rule that looks as if it could be left out is needed.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		Config
		skip  Skip
		wrong string
	}{
		{world("a claim before a query and an end", faults(2, holds), handBack, cancels), Skip{LateClaim: true}, afterResult},
		{world("a withdrawal ends no rest", faults(1, deletes), cancels), Skip{WithdrawnRest: true}, afterResult},
		{world("a consumer info behind each pull", faults(1, deletes)), Skip{NoVouch: true}, overlap},
		{world("an old consumer made anew, too", faults(3, crashes, deletes)), Skip{YoungOnly: true}, calledAgain},
		{world("a claim names its worker", faults(2, holds, deletes)), Skip{ByNumber: true}, overlap},
		{world("the last attempt is noted before the result", faults(1, holds), trouble(3)), Skip{FailedUnnoted: true}, afterResult},
		{world("where no state can be asked, the ledger is read again", faults(1, pauses), noQuery), Skip{UnaskableUnread: true}, afterResult},
		{world("who is refused a note reads it again", longLife, cancels), Skip{BlindSwap: true}, neverEnds},
		{world("a repeat of what is in hand is left alone", twice), Skip{RepeatNakked: true}, livelock},
		{world("a call begins with enough lease", faults(2, pauses, cuts)), Skip{ShortCall: true}, overlap},
		{world("a result after the lease's end is flagged", faults(1, pauses), noQuery), Skip{LateUnflagged: true}, unflagged},
	} {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			test.Config.Skip = test.skip
			find(t, test.Config, test.wrong)
		})
	}
}

// TestRulesLong: nobody hands back while a claim of others lasts.
func TestRulesLong(t *testing.T) {
	if !*long {
		t.Skip("takes half a minute; run it with -long")
	}
	cfg := world("", faults(2, holds, deletes), handBack)
	cfg.Skip.ClaimHidden = true
	find(t, cfg, overlap)
}

func find(t *testing.T, cfg Config, wrong string) {
	t.Helper()
	if testing.Short() {
		t.Skip("tries millions of histories: not with -short")
	}
	skipUnderRace(t)
	found := Explore(cfg, fewStates)
	t.Logf("%d states, %s:\n%s", found.States, found.Wrong, strings.Join(found.History, "\n"))
	if found.Wrong != wrong {
		t.Errorf("found %q, want %q", found.Wrong, wrong)
	}
}
