// Package settings is what the flags, the environment and the configuration file say: how
// to reach NATS, and with what each VCC is served.
package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker"
	"github.com/forcelogout/forcelogout/worker/admin"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/protect"
	"github.com/forcelogout/forcelogout/worker/session"
)

// The secrets of a single inspector, where no file is given. They have no flag:
// ps shows flags to everybody.
const (
	GUIDVariable     = "FORCELOGOUT_GUID"
	PasswordVariable = "FORCELOGOUT_PASSWORD"
)

// PerVCC is what one VCC is served with: flags for one, an entry of vccs in
// the configuration file for each of several.
type PerVCC struct {
	VCC     string `name:"vcc" yaml:"vcc" default:"default" help:"Virtual contact center whose commands are executed."`
	Gateway string `yaml:"gateway" placeholder:"URL" help:"The CC-Gateway, for example https://10.1.2.3:8043."`

	Single     Inspector   `embed:"" yaml:",inline"`
	Inspectors []Inspector `kong:"-" yaml:"inspectors"`

	GatewayCA         string `name:"gateway-ca" yaml:"gateway-ca" placeholder:"FILE" help:"CA of the gateway's certificate."`
	GatewayCert       string `yaml:"gateway-cert" placeholder:"FILE" help:"Client certificate for the gateway."`
	GatewayKey        string `yaml:"gateway-key" placeholder:"FILE" help:"Key of the client certificate."`
	GatewayServerName string `yaml:"gateway-server-name" placeholder:"NAME" help:"Name in the gateway's certificate, if not the URL's host."`

	GatewayPin []string `yaml:"gateway-pin" placeholder:"sha256/…" help:"The gateway's public key, where no CA vouches for it; the error of a refused certificate says how to get it. Several while the key is being replaced."`

	Concurrency  int               `yaml:"concurrency" default:"64" help:"Calls in flight."`
	Rate         float64           `yaml:"rate" help:"Calls per second; 0 for no limit."`
	MaxPerMinute int               `yaml:"max-per-minute" placeholder:"N" help:"Calls of all workers of the VCC in a minute, evenly spaced; no limit by default."`
	CallTimeout  time.Duration     `yaml:"call-timeout" default:"10s" help:"Longest time of one call; below the consumer's ack_wait of 15s."`
	MaxAge       time.Duration     `yaml:"max-age" default:"15m" help:"How late a command without expiresAt may be executed."`
	MaxAttempts  int               `yaml:"max-attempts" default:"8" help:"Calls for one command before it fails."`
	RetryInitial time.Duration     `yaml:"retry-initial" default:"500ms" help:"Wait after the first failed call; doubles, half of it random."`
	RetryMax     time.Duration     `yaml:"retry-max" default:"30s" help:"Longest wait between calls."`
	Retcodes     map[string]string `yaml:"retcodes" placeholder:"CODE=CLASS" help:"Change a retcode's class: transient, session or permanent."`

	SignInTimeout   time.Duration `yaml:"sign-in-timeout" default:"60s" help:"Longest time of one sign-in; it may be the slowest call of all."`
	PollTimeout     time.Duration `yaml:"poll-timeout" default:"75s" help:"Longest time of one event poll: above what the gateway holds it without an event, and below 2m, after which the session ends."`
	LockRetry       time.Duration `yaml:"lock-retry" default:"30m" help:"Time between sign-ins to an account that is locked or expired, while its password does not change; longer than the gateway's lock."`
	TakenRetcodes   []string      `yaml:"taken-retcodes" placeholder:"CODE" help:"Answers to a sign-in that mean, like 100-002, that somebody is signed in as the inspector; 100-003 at some sites."`
	UnknownIsAbsent bool          `yaml:"unknown-is-absent" help:"An agent whom the gateway does not know (300-002 to the question for the state) is not signed in."`

	Protect     []string `yaml:"protect" placeholder:"WORKNO" help:"Agents who are never signed out, whoever asks."`
	ProtectFile []string `yaml:"protect-file" placeholder:"FILE" help:"The same in a file, numbers and # remarks; read again when it changes."`

	WhenIdle bool          `yaml:"when-idle" help:"Let agents on a call end it first, where a command does not say."`
	Grace    time.Duration `yaml:"grace" help:"With --when-idle: for how long, within the command's life (default: 10m)."`
	WrapUp   time.Duration `yaml:"wrap-up" help:"With --when-idle: let them end their after-call work as well, for this long at most."`

	Confirm    bool     `yaml:"confirm" help:"See each sign-out before it is reported: by the gateway's event or the agent's state."`
	AllowReply []string `yaml:"allow-reply" default:"_INBOX.>,forcelogout.replies.>" help:"Subjects that replyTo may name."`

	keys map[string]bool // that an entry of vccs has; true where it counts
}

// Inspector is one inspector and where the session comes from.
type Inspector struct {
	Inspector    string `yaml:"inspector" placeholder:"WORKNO" help:"The inspector, 101-999999."`
	GUIDFile     string `name:"guid-file" yaml:"guid-file" placeholder:"FILE" help:"File with the GUID of a signed-in inspector; read again when it changes. Or set FORCELOGOUT_GUID."`
	PasswordFile string `yaml:"password-file" placeholder:"FILE" help:"File with the inspector's password: the workers sign in. Or set FORCELOGOUT_PASSWORD."`
	NoPassword   bool   `name:"no-password" yaml:"no-password" help:"The inspector's password is empty, as old sites allow."`
	Session      string `yaml:"session" enum:"kv," default:"" placeholder:"kv" help:"kv: another program keeps the GUID in the sessions bucket."`
	Phone        string `yaml:"phone" help:"The inspector's phone number, where a sign-in needs one."`
	SignIn       string `yaml:"sign-in" enum:"plain,platform" default:"plain" help:"plain, or platform: without a media licence."`
	ForceSignIn  bool   `yaml:"force-sign-in" help:"Sign in although somebody else is signed in as the inspector, and evict them."`
}

func (s Inspector) account() (session.Account, error) {
	a := session.Account{
		Inspector: s.Inspector, GUIDFile: s.GUIDFile, PasswordFile: s.PasswordFile, Shared: s.Session == "kv",
		NoPassword: s.NoPassword, Phone: s.Phone, Platform: s.SignIn == "platform", Force: s.ForceSignIn,
	}
	switch {
	case s.Session != "" && s.Session != "kv":
		return a, fmt.Errorf("inspector %s: session %q: must be kv, or left out", s.Inspector, s.Session)
	case s.SignIn != "" && s.SignIn != "plain" && s.SignIn != "platform":
		return a, fmt.Errorf("inspector %s: sign-in %q: must be plain or platform", s.Inspector, s.SignIn)
	}
	return a, nil
}

// accounts are the VCC's inspectors: those of the list, or the one of the flags,
// whose secret may come from the environment.
func (s PerVCC) accounts() ([]session.Account, error) {
	if len(s.Inspectors) > 0 {
		if s.Single.Inspector != "" {
			return nil, errors.New("inspector and inspectors: give one of them")
		}
		accounts := make([]session.Account, 0, len(s.Inspectors))
		for _, inspector := range s.Inspectors {
			account, err := inspector.account()
			if err != nil {
				return nil, err
			}
			accounts = append(accounts, account)
		}
		return accounts, nil
	}
	if err := Named("inspector", messages.ValidateWorkNo(s.Single.Inspector)); err != nil {
		return nil, err
	}
	account, err := s.Single.account()
	if err != nil {
		return nil, err
	}
	if account.GUIDFile == "" && account.PasswordFile == "" && !account.Shared && !account.NoPassword {
		account.GUID, account.Password = os.Getenv(GUIDVariable), os.Getenv(PasswordVariable)
	}
	return []session.Account{account}, nil
}

// Config checks the settings and turns them into the worker's configuration.
func (s PerVCC) Config(prefix messages.Prefix, instance string, drain time.Duration, log *slog.Logger) (worker.Config, error) {
	if err := errors.Join(Named("vcc", messages.ValidateVCC(s.VCC)), s.checkNumbers()); err != nil {
		return worker.Config{}, err
	}
	if s.Gateway == "" {
		return worker.Config{}, errors.New("no gateway: give --gateway URL, or gateway in the configuration file")
	}
	accounts, err := s.accounts()
	if err != nil {
		return worker.Config{}, err
	}
	client, err := s.client(len(accounts), log)
	if err != nil {
		return worker.Config{}, err
	}
	protected, err := protect.NewList(s.Protect, s.ProtectFile)
	if err != nil {
		return worker.Config{}, err
	}
	classes := make(map[string]worker.Class, len(s.Retcodes))
	for code, class := range s.Retcodes {
		classes[code] = worker.Class(class)
	}
	cfg := worker.Config{
		Prefix: prefix, VCC: s.VCC, Instance: instance, Gateway: client, Inspectors: accounts,
		Concurrency: s.Concurrency, Rate: s.Rate, MaxPerMinute: s.MaxPerMinute, MaxAge: s.MaxAge, Protected: protected, Grace: s.grace(), Confirm: s.Confirm,
		CallTimeout: s.CallTimeout, DrainTimeout: drain,
		Retry:      worker.Retry{MaxAttempts: s.MaxAttempts, Initial: s.RetryInitial, Max: s.RetryMax},
		AllowReply: s.AllowReply, Retcodes: classes,
		Session: worker.SessionOptions{
			SignInTime: s.SignInTimeout, PollTime: s.PollTimeout, LockRetry: s.LockRetry, Taken: s.TakenRetcodes,
		},
		Log: log, Metrics: admin.NewMetrics(s.VCC),
	}
	return cfg, cfg.Validate()
}

// DefaultGrace is how long an agent may go on with a call, where that is not said.
const DefaultGrace = 10 * time.Minute

// grace is what agents on a call have where a command does not say.
func (s PerVCC) grace() worker.Grace {
	g := worker.Grace{For: s.Grace, WrapUp: s.WrapUp}
	if s.WhenIdle && g.For == 0 {
		g.For = DefaultGrace
	}
	return g
}

func (s PerVCC) client(inspectors int, log *slog.Logger) (*gateway.Client, error) {
	return gateway.NewClient(gateway.Options{
		URL:   s.Gateway,
		TLS:   gateway.TLSFiles{CA: s.GatewayCA, Cert: s.GatewayCert, Key: s.GatewayKey, ServerName: s.GatewayServerName, Pins: s.GatewayPin},
		Conns: s.Concurrency + inspectors, // a poll for each inspector beside the calls
		Log:   log,

		UnknownIsAbsent: s.UnknownIsAbsent,
	})
}

func (s PerVCC) checkNumbers() error {
	switch {
	case s.Concurrency < 1 || s.Concurrency > 4096:
		return fmt.Errorf("--concurrency %d: must be 1-4096", s.Concurrency)
	case s.Rate < 0:
		return fmt.Errorf("--rate %v: must be 0 (no limit) or more", s.Rate)
	case s.MaxPerMinute < 0 || s.MaxPerMinute > 6000:
		return fmt.Errorf("--max-per-minute %d: must be 1-6000, or 0 for no limit", s.MaxPerMinute)
	case s.MaxAttempts < 1:
		return fmt.Errorf("--max-attempts %d: must be 1 or more", s.MaxAttempts)
	case s.CallTimeout <= 0 || s.MaxAge <= 0 || s.RetryInitial <= 0:
		return errors.New("--call-timeout, --max-age and --retry-initial must be above 0")
	case s.SignInTimeout <= 0 || s.PollTimeout <= 0 || s.LockRetry <= 0:
		return errors.New("--sign-in-timeout, --poll-timeout and --lock-retry must be above 0")
	case !s.WhenIdle && (s.Grace != 0 || s.WrapUp != 0):
		return errors.New("--grace and --wrap-up go with --when-idle")
	case s.Grace < 0 || s.WrapUp < 0 || s.WrapUp > time.Hour:
		return errors.New("--grace must be above 0, and --wrap-up up to 1h")
	case s.RetryMax < s.RetryInitial:
		return fmt.Errorf("--retry-max %v: must not be below --retry-initial %v", s.RetryMax, s.RetryInitial)
	}
	return nil
}

// Named says which flag an invalid value came from.
func Named(flag string, err error) error {
	var invalid *messages.InvalidError
	if errors.As(err, &invalid) {
		return fmt.Errorf("--%s %s", flag, invalid.Problem)
	}
	return err
}
