package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

const (
	inspector = "1001"
	guid      = "f0000000-0000-4000-8000-00000000000f.AgentGateway0"
	slots     = 64
)

// lab has the programs.
type lab struct {
	dir, self, worker, nats string
	scale                   float64
}

func newLab(ctx context.Context, scale float64) (*lab, error) {
	dir, err := os.MkdirTemp("", "forcelogout-bench-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, self: self, worker: filepath.Join(dir, "forcelogout"), nats: filepath.Join(dir, "nats-server"), scale: scale}
	if err := l.build(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// product is the module that is measured.
const product = "github.com/forcelogout/forcelogout"

// build makes the programs with the product's own dependencies, not with those of this
// module.
func (l *lab) build(ctx context.Context) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", product).Output()
	if err != nil {
		return fmt.Errorf("looking for the product, is this deploy/bench? %w", err)
	}
	for program, source := range map[string]string{
		l.worker: product + "/cmd/forcelogout",
		l.nats:   "github.com/nats-io/nats-server/v2",
	} {
		build := exec.CommandContext(ctx, "go", "build", "-o", program, source)
		build.Dir = strings.TrimSpace(string(root))
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", source, err, out)
		}
	}
	return nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

// times scales a number of commands.
func (l *lab) times(n int) int { return max(200, int(float64(n)*l.scale)) }

// site is one NATS server, one gateway, and connections to them.
type site struct {
	*lab
	dir     string
	natsURL string
	monitor string // NATS's own HTTP
	server  *process
	gateway *process
	gwURL   string
	ca      string // file with the gateway's CA; "" over HTTP
	nc      *nats.Conn
	js      jetstream.JetStream
	results string // stream
	staff   []*process
	secrets []string // environment of workers
}

// overTLS, among a gateway's arguments, makes it speak HTTPS.
const overTLS = "-tls"

// newSite starts a NATS server on an empty store, and a gateway.
func (l *lab) newSite(ctx context.Context, gatewayArgs ...string) (s *site, err error) {
	s = &site{lab: l, secrets: []string{"FORCELOGOUT_GUID=" + guid}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp(l.dir, "site-"); err != nil {
		return s, err
	}
	if err = s.startNATS(ctx); err != nil {
		return s, err
	}
	if at := slices.Index(gatewayArgs, overTLS); at >= 0 {
		s.ca = filepath.Join(s.dir, "ca.pem")
		gatewayArgs = slices.Replace(slices.Clone(gatewayArgs), at, at+1, "-ca", s.ca)
	}
	if s.gateway, err = start(ctx, "gateway", nil, l.self, append([]string{"gateway"}, gatewayArgs...)...); err != nil {
		return s, err
	}
	if s.gwURL, err = s.gateway.line(ctx); err != nil {
		return s, err
	}
	return s, s.setUp(ctx)
}

func (s *site) startNATS(ctx context.Context) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	s.natsURL, s.monitor = "nats://"+ports[0], "http://"+ports[1]
	config := filepath.Join(s.dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nhttp: %q\njetstream { store_dir: %q }\n", ports[0], ports[1], filepath.Join(s.dir, "store"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	if s.server, err = start(ctx, "nats-server", nil, s.lab.nats, "-c", config); err != nil {
		return err
	}
	for {
		resp, err := http.Get(s.monitor + "/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if time.Since(s.server.started) > 20*time.Second {
			return errors.Join(errors.New("nats-server does not start"), s.server.stop())
		}
	}
	s.nc, err = nats.Connect(s.natsURL)
	if err != nil {
		return err
	}
	s.js, err = jetstream.New(s.nc)
	return err
}

func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		addrs = append(addrs, listener.Addr().String())
	}
	return addrs, nil
}

// setUp makes forcelogout's streams, and plain ones for the peers.
func (s *site) setUp(ctx context.Context) error {
	s.results = streams.NamesOf(messages.DefaultPrefix).Results
	plan := streams.Plan{Prefix: messages.DefaultPrefix}
	if _, err := streams.Setup(ctx, s.js, plan); err != nil {
		return err
	}
	if _, err := streams.Bind(ctx, s.js, plan, messages.DefaultVCC); err != nil {
		return err
	}
	for name, retention := range map[string]jetstream.RetentionPolicy{peerCommands: jetstream.WorkQueuePolicy, peerResults: jetstream.LimitsPolicy} {
		_, err := s.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: name, Subjects: []string{name, name + ".>"}, Retention: retention, Storage: jetstream.FileStorage,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hire starts a worker of the default VCC.
func (s *site) hire(ctx context.Context, natsURL string, args ...string) (*process, error) {
	return s.hireFor(ctx, natsURL, append([]string{"--gateway", s.gwURL, "--inspector", inspector}, args...)...)
}

// hireFor starts a worker.
func (s *site) hireFor(ctx context.Context, natsURL string, args ...string) (*process, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	if s.ca != "" {
		args = append(args, "--gateway-ca", s.ca)
	}
	p, err := start(ctx, "worker", s.secrets, s.worker, append([]string{
		"worker", "--nats", natsURL, "--listen", ports[0], "--pprof", "--log-level", "warn",
	}, args...)...)
	if err == nil {
		p.admin = "http://" + ports[0]
		s.staff = append(s.staff, p)
	}
	return p, err
}

// peer starts one of this program's roles beside the site.
func (s *site) peer(ctx context.Context, role, natsURL string, args ...string) (*process, error) {
	p, err := start(ctx, role, nil, s.self, append([]string{role, "-nats", natsURL, "-gateway", s.gwURL, "-ca", s.ca}, args...)...)
	if err == nil {
		s.staff = append(s.staff, p)
	}
	return p, err
}

func (s *site) close() error {
	var errs []error
	for _, p := range s.staff {
		errs = append(errs, p.stop())
	}
	if s.nc != nil {
		s.nc.Close()
	}
	for _, p := range []*process{s.gateway, s.server} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	if strings.HasPrefix(s.dir, s.lab.dir) {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// pause waits by real time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
