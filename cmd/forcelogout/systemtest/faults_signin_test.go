package systemtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
)

// TestFaultsSignInRefused: NATS refuses the workers' sign-ins for ten seconds, as while a
// password is changed on the server first. Then everything goes on.
func TestFaultsSignInRefused(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("nats-server's own reload of its configuration is a race")
	}
	f := bareFaults(t)
	f.lost = true
	opts := &server.Options{JetStream: true, StoreDir: f.dir, Users: []*server.User{{Username: "w", Password: "old"}, {Username: "t", Password: "t"}}}
	ns := plainServer(t, opts)
	as := func(user string) string { return "nats://" + user + "@" + ns.Addr().String() }
	f.join(as("t:t"), 1)
	var histories []*health
	for range 2 {
		histories = append(histories, f.follow(f.hire(as("w:old"), f.gateway)))
	}
	f.send(500)
	f.some()
	changed := opts.Clone()
	changed.Users = []*server.User{{Username: "w", Password: "new"}, {Username: "t", Password: "t"}}
	f.must(ns.ReloadOptions(changed))
	f.pass(10 * time.Second)
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusServiceUnavailable)
		if status, body := rig.Get(t, p.admin(t, f.ctx)+"/healthz"); status != http.StatusOK {
			t.Errorf("/healthz: %d %s", status, body)
		}
	}
	f.must(ns.ReloadOptions(opts))
	f.send(100)
	f.check()
	for i, p := range f.crew {
		f.awaitLast(histories[i], http.StatusOK)
		f.cameAndWent(histories[i], "not connected to NATS")
		const lost, refused = "disconnected from NATS", "NATS reports an error"
		// Each once, unless the connection ends in two ways.
		if n := f.lines(p, lost) + f.lines(p, refused); n < 2 || n > 3 {
			t.Errorf("%d lines about the connection: %s", n, p.log.String())
		}
		f.checkTroubles(p, lost, refused, lostLease)
	}
}
