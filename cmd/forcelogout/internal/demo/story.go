package demo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// story is a believable end of a shift: most agents sign out at the first call,
// and of every dozen some need more.
type story struct {
	orders   []messages.Command
	invalid  messages.Command // whose misspelt form is sent
	misspelt []byte
}

// firstDemoAgent is the first agent's workNo; the others follow.
const firstDemoAgent = 30001

func newStory(agents int, now time.Time) story {
	now = now.UTC().Truncate(time.Millisecond)
	var s story
	for i := range agents {
		order := messages.Command{
			ID: uuid.Must(uuid.NewV7()).String(), WorkNo: strconv.Itoa(firstDemoAgent + i),
			IssuedAt: now, Reason: "shift-end", RequestedBy: "demo", Meta: map[string]string{"shift": "S-18"},
		}
		switch i {
		case 4: // arrives an hour late: it would throw the agent out of the next shift
			order.IssuedAt, order.ExpiresAt = now.Add(-75*time.Minute), now.Add(-time.Hour)
		case 5:
			s.invalid = order
			continue
		}
		s.orders = append(s.orders, order)
	}
	// expiresat for expiresAt: ignored, it would have been a command without an end.
	s.misspelt = fmt.Appendf(nil, `{"id":%q,"workNo":%q,"expiresat":%q}`,
		s.invalid.ID, s.invalid.WorkNo, now.Add(15*time.Minute).Format(time.RFC3339))
	return s
}

// prepare sets the simulated gateway up for the story.
func (s story) prepare(g *sim.Gateway) {
	for i, order := range s.orders {
		switch {
		case i == 1:
			g.SetAgent(order.WorkNo, sim.Agent{SignedIn: false})
		case i == 2:
			g.Plan(order.WorkNo, sim.Answer{Retcode: "000-006", Message: "invalid address"})
		case i%12 == 3:
			g.Plan(order.WorkNo, sim.Answer{Retcode: "900-002", Message: "no right"}, sim.Answer{Retcode: "900-002", Message: "no right"})
		case i%12 == 7:
			g.Plan(order.WorkNo, sim.Answer{Retcode: "900-001", Message: "no provider"})
		case i%12 == 10:
			g.Plan(order.WorkNo, sim.Answer{Retcode: "900-003", Message: "resource not available"})
		}
	}
}
