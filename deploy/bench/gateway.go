package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// firstAgent is the lowest of the agents; there are agents of them.
const (
	firstAgent = 10_001
	agents     = 900_000
)

func agentNo(i int) string { return strconv.Itoa(firstAgent + i%agents) }

// tally is what the gateway has counted.
type tally struct {
	Healthy   int64         // calls about agents whose calls all succeed
	Took      time.Duration // all calls together
	Failing   int64         // calls about the others
	SignedOut int64         // calls that signed an agent out
	Twice     int64         // of them, about an agent who was signed out before
}

// counting is a simulated gateway that counts at little cost, and that takes exactly
// its time.
type counting struct {
	*sim.Gateway
	latency   time.Duration
	over      atomic.Int64 // by how much timers are late, ns
	took      atomic.Int64 // all calls together, ns
	failEvery int          // every n-th agent's first calls fail; 0 for none
	failTimes int
	failCode  string

	healthy, failing atomic.Int64
	mu               sync.Mutex
	failed           map[int]int // failing agents' calls
}

// runGateway is the role of the gateway. It prints its URL.
func runGateway(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("gateway", flag.ExitOnError)
	latency := flags.Duration("latency", 0, "of each call")
	c := &counting{failed: map[int]int{}}
	flags.IntVar(&c.failEvery, "fail-every", 0, "n-th agent's calls fail")
	flags.IntVar(&c.failTimes, "fail-times", 3, "so often, then they succeed")
	flags.StringVar(&c.failCode, "fail-code", "900-002", "of the calls that fail")
	password := flags.String("password", "", "of the inspector, who is signed in without one")
	calls := flags.Int("calls", 1, "to remember")
	ca := flags.String("ca", "", "`file` to write the CA of HTTPS to; HTTP without")
	_ = flags.Parse(args)
	c.Gateway = sim.New(sim.Config{AbsentRetcode: "0", CallLog: *calls})
	if *password == "" {
		c.GiveSession(inspector, guid)
	} else {
		c.SetAccount(inspector, sim.Account{Password: *password})
	}
	c.latency = *latency
	server := httptest.NewUnstartedServer(c)
	server.Config.ReadHeaderTimeout = 10 * time.Second
	if *ca == "" {
		server.Start()
	} else {
		server.StartTLS()
		block := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
		if err := os.WriteFile(*ca, pem.EncodeToMemory(&block), 0o600); err != nil {
			return err
		}
	}
	fmt.Println(server.URL)
	<-ctx.Done()
	server.CloseClientConnections()
	server.Close()
	return nil
}

const prefix = "/agentgateway/resource/qualitycontrol/" + inspector + "/forcelogout/"

// ServeHTTP implements http.Handler.
func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/tally" {
		_ = json.NewEncoder(w).Encode(c.count())
		return
	}
	if len(r.URL.Path) > len(prefix) && r.URL.Path[:len(prefix)] == prefix {
		begin := time.Now()
		c.note(r.URL.Path[len(prefix):])
		c.wait(begin)
		defer func() { c.took.Add(int64(time.Since(begin))) }()
	}
	c.Gateway.ServeHTTP(w, r)
}

// wait takes the gateway's time. Timers are late by up to a millisecond, which would
// count against whoever is measured: it has learnt by how much.
func (c *counting) wait(begin time.Time) {
	if c.latency == 0 {
		return
	}
	due := begin.Add(c.latency)
	time.Sleep(time.Until(due) - time.Duration(c.over.Load()))
	// Much less than one in slots: all calls in flight learn from what they have waited.
	late := int64(time.Since(due))
	c.over.Add(late / (8 * slots))
}

// note counts a call, and decides that it fails.
func (c *counting) note(workNo string) {
	agent, _ := strconv.Atoi(workNo)
	if c.failEvery == 0 || (agent-firstAgent)%c.failEvery != 0 {
		c.healthy.Add(1)
		return
	}
	c.failing.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[agent]++
	if c.failed[agent] <= c.failTimes {
		c.Plan(workNo, sim.Answer{Retcode: c.failCode})
	}
}

func (c *counting) count() tally {
	t := tally{Healthy: c.healthy.Load(), Failing: c.failing.Load(), Took: time.Duration(c.took.Load())}
	seen := map[string]bool{}
	for _, call := range c.Calls() {
		if call.Op != sim.OpForceLogout || call.Retcode != "0" {
			continue
		}
		t.SignedOut++
		if seen[call.WorkNo] {
			t.Twice++
		}
		seen[call.WorkNo] = true
	}
	return t
}

// tally asks the gateway.
func (s *site) tally() (t tally, err error) {
	client, err := newClient(s.ca)
	if err != nil {
		return t, err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Get(s.gwURL + "/tally")
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	return t, json.NewDecoder(resp.Body).Decode(&t)
}

// callTime is the gateway's mean time for a call, in milliseconds.
func (s *site) callTime() (float64, error) {
	t, err := s.tally()
	return t.Took.Seconds() * 1000 / float64(max(1, t.Healthy+t.Failing)), err
}
