package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

type gatewayCommand struct {
	Listen    string        `default:"127.0.0.1:8043" help:"Address to listen on."`
	TLS       bool          `name:"tls" help:"HTTPS with a certificate made at start."`
	HTTP2     bool          `name:"http2" help:"Offer HTTP/2; with --tls."`
	CAOut     string        `name:"ca-out" placeholder:"FILE" help:"Where to write the certificate's CA."`
	Inspector string        `default:"1001" placeholder:"WORKNO" help:"The inspector of FORCELOGOUT_GUID or FORCELOGOUT_PASSWORD; without them the first GUID or password presented is good."`
	Latency   time.Duration `help:"Time that each force-logout call takes."`
	FailRate  float64       `help:"Share of calls that fail, 0 to 1."`
	Retcode   string        `default:"900-002" help:"What failing calls answer."`
	HangRate  float64       `help:"Share of calls that never answer, 0 to 1."`

	gatewaySessions
	gatewayForms
	gatewayAgents
}

// gatewaySessions are what a real gateway may do to sessions.
type gatewaySessions struct {
	Rotate           bool          `help:"AUTHMODE 2: polls bring a new GUID each minute."`
	SignInGUIDServes bool          `name:"sign-in-guid-serves" help:"With --rotate: a sign-in's GUID is good for calls before the first poll."`
	OldGUIDServes    bool          `name:"old-guid-serves" help:"With --rotate: the GUID before is good for two minutes."`
	PollWait         time.Duration `default:"10s" help:"How long a poll is held without an event; 30s to 60s are usual."`
	Push             bool          `help:"Push mode is on: polls answer 000-001."`
	SignInTime       time.Duration `help:"Time that a sign-in takes that works."`
	LoseSignIns      int           `help:"So many sign-ins work and lose their answer."`
	SignInsUnderWay  int           `help:"So many sign-ins answer 100-021, another is under way."`
	CannotForce      bool          `help:"Sign-ins answer 100-015 while somebody is signed in."`
	LockTime         time.Duration `help:"How long five wrong passwords lock the account, from the last try; 0 for ever."`
	StrayEvery       int           `help:"Every so-manieth call comes to a node that does not know the session: 100-006."`
	Recovery         string        `placeholder:"105-00x" help:"All operations answer this code."`
	NoStateRight     bool          `help:"Questions for agents' states answer 300-001."`
	NoOwnState       bool          `help:"There is no question for one's own state: 404."`
}

// gatewayForms are how answers may be written and sent.
type gatewayForms struct {
	Form       []string `enum:"msg,number,empty-result,html,bom,chunked,gzip,close" placeholder:"FORM" help:"How answers are written: msg, number, empty-result, html, bom, chunked, gzip (where asked for), close (each the last on its connection)."`
	CloseAfter int      `help:"End each connection after so many calls, without a word."`
}

// gatewayAgents are agents who are not just there.
type gatewayAgents struct {
	Absent   []string      `placeholder:"WORKNO" help:"Agents who are signed out from the start."`
	OnCall   []string      `placeholder:"WORKNO" help:"Agents who are on a call."`
	CallTime time.Duration `help:"How long those calls last; 0 for ever."`
	NextCall time.Duration `default:"1s" help:"How soon such an agent takes the next call."`
	Return   []string      `placeholder:"WORKNO" help:"Agents who sign in again at once."`
}

func (c *gatewayCommand) Run(ctx context.Context, std console.IO) error {
	if err := c.check(); err != nil {
		return exit.Misused(err)
	}
	g, err := c.gateway()
	if err != nil {
		return exit.Misused(err)
	}
	server, err := sim.ListenWith(g, c.Listen, sim.Options{TLS: c.TLS, HTTP2: c.HTTP2, CloseAfter: c.CloseAfter})
	if err != nil {
		return fmt.Errorf("simulated gateway: %w (choose another address with --listen)", err)
	}
	if c.CAOut != "" {
		if err := os.WriteFile(c.CAOut, server.CAPEM, 0o644); err != nil {
			return errors.Join(fmt.Errorf("--ca-out: %w", err), server.Close())
		}
	}
	fmt.Fprintf(std.Out, "simulated gateway on %s, inspector %s\n", server.URL, c.Inspector)
	<-ctx.Done()
	return server.Close()
}

// gateway makes the gateway of the flags.
func (c *gatewayCommand) gateway() (*sim.Gateway, error) {
	guid, password := os.Getenv(settings.GUIDVariable), os.Getenv(settings.PasswordVariable)
	has := func(form string) bool { return slices.Contains(c.Form, form) }
	g := sim.New(sim.Config{
		Adopt: guid == "" && password == "", Rotate: c.Rotate, SignInGUIDServes: c.SignInGUIDServes, OldGUIDServes: c.OldGUIDServes,
		PollWait: c.PollWait, Push: c.Push, SignInTime: c.SignInTime, CannotForce: c.CannotForce, LockTime: c.LockTime,
		StrayEvery: c.StrayEvery, NoStateRight: c.NoStateRight, NoOwnState: c.NoOwnState,
		Form: sim.Form{
			Msg: has("msg"), Number: has("number"), EmptyResult: has("empty-result"), HTML: has("html"),
			BOM: has("bom"), Chunked: has("chunked"), Gzip: has("gzip"), Close: has("close"),
		},
	})
	if guid != "" {
		parsed, err := gateway.ParseGUID(guid)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", settings.GUIDVariable, err)
		}
		g.GiveSession(c.Inspector, parsed)
	}
	if password != "" {
		g.SetAccount(c.Inspector, sim.Account{Password: password})
	}
	g.SetFaults(sim.Faults{Latency: c.Latency, FailRate: c.FailRate, Retcode: c.Retcode, HangRate: c.HangRate})
	g.SetRecovery(c.Recovery, false)
	for range c.SignInsUnderWay {
		for _, op := range []string{sim.OpSignIn, sim.OpPlatformSignIn} {
			g.PlanSession(c.Inspector, op, sim.Answer{Retcode: "100-021"})
		}
	}
	for range c.LoseSignIns {
		for _, op := range []string{sim.OpSignIn, sim.OpPlatformSignIn} {
			g.PlanSession(c.Inspector, op, sim.Answer{Fault: sim.FaultAnswerLost})
		}
	}
	c.people(g)
	return g, nil
}

// people sets the agents that the flags name; one may be in several.
func (c *gatewayCommand) people(g *sim.Gateway) {
	named := map[string]sim.Agent{}
	change := func(names []string, change func(*sim.Agent)) {
		for _, workNo := range names {
			a, known := named[workNo]
			if !known {
				a.SignedIn = true
			}
			change(&a)
			named[workNo] = a
		}
	}
	change(c.OnCall, func(a *sim.Agent) { a.OnCall, a.CallTime, a.NextCall = true, c.CallTime, c.NextCall })
	change(c.Return, func(a *sim.Agent) { a.Returns = time.Millisecond })
	change(c.Absent, func(a *sim.Agent) { a.SignedIn = false })
	for workNo, agent := range named {
		g.SetAgent(workNo, agent)
	}
}

func (c *gatewayCommand) check() error {
	problems := []error{settings.Named("inspector", messages.ValidateWorkNo(c.Inspector))}
	for flag, agents := range map[string][]string{"absent": c.Absent, "on-call": c.OnCall, "return": c.Return} {
		for _, workNo := range agents {
			problems = append(problems, settings.Named(flag, messages.ValidateWorkNo(workNo)))
		}
	}
	for flag, rate := range map[string]float64{"fail-rate": c.FailRate, "hang-rate": c.HangRate} {
		if rate < 0 || rate > 1 {
			problems = append(problems, fmt.Errorf("--%s %v: must be between 0 and 1", flag, rate))
		}
	}
	for flag, d := range map[string]time.Duration{
		"latency": c.Latency, "poll-wait": c.PollWait, "sign-in-time": c.SignInTime, "lock-time": c.LockTime, "call-time": c.CallTime, "next-call": c.NextCall,
	} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("--%s %v: must be 0 or more", flag, d))
		}
	}
	for flag, n := range map[string]int{"stray-every": c.StrayEvery, "close-after": c.CloseAfter, "lose-sign-ins": c.LoseSignIns, "sign-ins-under-way": c.SignInsUnderWay} {
		if n < 0 {
			problems = append(problems, fmt.Errorf("--%s %d: must be 0 or more", flag, n))
		}
	}
	if c.HTTP2 && !c.TLS {
		problems = append(problems, errors.New("--http2 needs --tls"))
	}
	if c.CAOut != "" && !c.TLS {
		problems = append(problems, errors.New("--ca-out needs --tls: without it there is no certificate"))
	}
	return errors.Join(problems...)
}
