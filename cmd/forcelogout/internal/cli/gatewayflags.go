package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// gatewayCalls are what may become of forced sign-outs.
type gatewayCalls struct {
	Latency      time.Duration `help:"Time that each takes."`
	FailRate     float64       `help:"Share of them that fails, 0 to 1."`
	Retcode      string        `default:"900-002" help:"What failing ones answer."`
	Fault        string        `enum:",reset,answer_lost,html,huge,redirect,half_json,empty" default:"" placeholder:"FAULT" help:"How failing ones fail in place of an answer: reset, answer_lost (behind the effect), html, huge, redirect, half_json, empty."`
	HangRate     float64       `help:"Share of them that never answers, 0 to 1."`
	Down         time.Duration `help:"So long from the start the CTI is not reachable: 900-001."`
	NoRight      bool          `help:"The inspector has no right to them: 900-002."`
	AbsentAnswer string        `default:"900-003" placeholder:"RETCODE" help:"The answer for agents who are not signed in: 900-003, 0 or 100-008."`
	EffectDelay  time.Duration `help:"How long after the answer 0 the agent is signed out."`
	Bare404      bool          `name:"bare-404" help:"Ids out of range get a 404 without a retcode."`
}

// gatewaySessions are what a real gateway may do to sessions.
type gatewaySessions struct {
	Rotate           bool          `help:"AUTHMODE 2: polls bring a new GUID each minute."`
	SignInGUIDServes bool          `name:"sign-in-guid-serves" help:"With --rotate: a sign-in's GUID is good for calls before the first poll."`
	OldGUIDServes    bool          `name:"old-guid-serves" help:"With --rotate: the GUID before is good for two minutes."`
	GUIDIn           string        `name:"guid-in" enum:"set-guid,guid,cookie" default:"set-guid" help:"Header of a sign-in's GUID: set-guid, guid or cookie."`
	Sticky           bool          `help:"Calls need the cookie of their sign-in."`
	PollWait         time.Duration `default:"10s" help:"How long a poll is held without an event; 30s to 60s are usual."`
	Push             bool          `help:"Push mode is on: polls answer 000-001."`
	SignInTime       time.Duration `help:"Time that a sign-in takes that works."`
	LoseSignIns      int           `help:"So many sign-ins work and lose their answer."`
	SignInsUnderWay  int           `help:"So many sign-ins answer 100-021, another is under way."`
	CannotForce      bool          `help:"Sign-ins answer 100-015 while somebody is signed in."`
	LockTime         time.Duration `help:"How long five wrong passwords lock the account, from the last try; 0 for ever."`
	StrayAt          int           `placeholder:"N" help:"The N-th call comes to a node that does not know the session: 100-006, once."`
	StrayEvery       int           `placeholder:"N" help:"Every N-th call does."`
	Recovery         string        `placeholder:"105-00x" help:"All operations answer this code."`
	RecoveryAfter    time.Duration `help:"With --recovery: not before that time from the start, and sessions that begin later work."`
	NoStateRight     bool          `help:"Questions for agents' states answer 300-001."`
	NoOwnState       bool          `help:"There is no question for one's own state: 404."`
}

// gatewayForms are how answers may be written and sent.
type gatewayForms struct {
	Form       []string `enum:"msg,number,numbers,empty-result,html,bom,chunked,gzip,close" placeholder:"FORM" help:"How answers are written: msg, number (the retcode 0), numbers (in agents' states), empty-result, html, bom, chunked, gzip (where asked for), close (each the last on its connection)."`
	CloseAfter int      `placeholder:"N" help:"End each connection after N calls, without a word."`
}

// gatewayAgents are agents who are not just there.
type gatewayAgents struct {
	Absent   []string      `placeholder:"WORKNO" help:"Agents who are signed out from the start."`
	OnCall   []string      `placeholder:"WORKNO" help:"Agents who are on a call."`
	CallTime time.Duration `help:"How long those calls last; 0 for ever."`
	NextCall time.Duration `default:"1s" help:"How soon such an agent takes the next call."`
	Return   []string      `placeholder:"WORKNO" help:"Agents who sign in again at once."`
}

// gateway makes the gateway of the flags.
func (c *gatewayCommand) gateway() (*sim.Gateway, error) {
	guid, password := os.Getenv(settings.GUIDVariable), os.Getenv(settings.PasswordVariable)
	g := sim.New(c.config(guid == "" && password == ""))
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
	g.SetFaults(c.faults(c.Down > 0))
	if c.RecoveryAfter == 0 {
		g.SetRecovery(c.Recovery, false)
	}
	g.Forbid(c.Inspector, c.NoRight)
	g.PlanSignIn(c.Inspector, slices.Repeat([]sim.Answer{{Retcode: "100-021"}}, c.SignInsUnderWay)...)
	g.PlanSignIn(c.Inspector, slices.Repeat([]sim.Answer{{Fault: sim.FaultAnswerLost}}, c.LoseSignIns)...)
	c.people(g)
	return g, nil
}

func (c *gatewayCommand) config(adopt bool) sim.Config {
	has := func(form string) bool { return slices.Contains(c.Form, form) }
	return sim.Config{
		Adopt: adopt, Rotate: c.Rotate, SignInGUIDServes: c.SignInGUIDServes, OldGUIDServes: c.OldGUIDServes,
		GUIDForm: map[string]sim.GUIDForm{"guid": sim.FormGUID, "cookie": sim.FormCookie}[c.GUIDIn], Sticky: c.Sticky,
		PollWait: c.PollWait, Push: c.Push, SignInTime: c.SignInTime, CannotForce: c.CannotForce, LockTime: c.LockTime,
		StrayAt: c.StrayAt, StrayEvery: c.StrayEvery, NoStateRight: c.NoStateRight, NoOwnState: c.NoOwnState,
		AbsentRetcode: c.AbsentAnswer, UnknownBare404: c.Bare404, EffectDelay: c.EffectDelay, Numbers: has("numbers"),
		Form: sim.Form{
			Msg: has("msg"), Number: has("number"), EmptyResult: has("empty-result"), HTML: has("html"),
			BOM: has("bom"), Chunked: has("chunked"), Gzip: has("gzip"), Close: has("close"),
		},
	}
}

// schedule lets happen what has a time, until stop is called.
func (c *gatewayCommand) schedule(g *sim.Gateway) (stop func()) {
	var timers []*time.Timer
	if c.Down > 0 {
		timers = append(timers, time.AfterFunc(c.Down, func() { g.SetFaults(c.faults(false)) }))
	}
	if c.RecoveryAfter > 0 {
		timers = append(timers, time.AfterFunc(c.RecoveryAfter, func() { g.SetRecovery(c.Recovery, true) }))
	}
	return func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
}

func (c *gatewayCommand) faults(down bool) sim.Faults {
	return sim.Faults{
		Latency: c.Latency, FailRate: c.FailRate, Retcode: c.Retcode, Fault: sim.Fault(c.Fault), HangRate: c.HangRate, Down: down,
	}
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
		"latency": c.Latency, "down": c.Down, "recovery-after": c.RecoveryAfter, "effect-delay": c.EffectDelay, "poll-wait": c.PollWait, "sign-in-time": c.SignInTime,
		"lock-time": c.LockTime, "call-time": c.CallTime, "next-call": c.NextCall,
	} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("--%s %v: must be 0 or more", flag, d))
		}
	}
	for flag, n := range map[string]int{
		"stray-at": c.StrayAt, "stray-every": c.StrayEvery, "close-after": c.CloseAfter, "lose-sign-ins": c.LoseSignIns, "sign-ins-under-way": c.SignInsUnderWay,
	} {
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
