package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/rig"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/worker/gateway/sim"
)

// TestREADMEConfig: --check-config takes the README's file, and says what it
// understood without a secret.
func TestREADMEConfig(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("the README has no configuration file")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := sim.Listen(sim.New(sim.Config{}), "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	write("sales-ca.pem", string(server.CAPEM))
	for _, inspector := range []string{"1001", "1002", "2001"} {
		write("inspector-"+inspector, rig.Password)
	}
	text := regexp.MustCompile(`/run/secrets|/etc/forcelogout`).ReplaceAllString(block[1], dir)
	write("forcelogout.yaml", text)
	code, out, errOut := invoke(rig.Context(t), "worker", "--config", filepath.Join(dir, "forcelogout.yaml"), "--check-config")
	if code != exit.OK || errOut != "" {
		t.Fatalf("exit %d, %s%s", code, out, errOut)
	}
	for _, want := range []string{
		"VCC sales", "VCC support", "1001, password from", "1002, password from", "2001, password from",
		"https://10.1.2.4:8043", "50 calls/s", "nats://10.1.2.9:4222", "The configuration is valid.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, rig.Password) {
		t.Errorf("a password is shown:\n%s", out)
	}
	for _, line := range strings.Split(out, "\n") {
		if len(line) > 80+len(dir) {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}

// TestConfigPrecedence: a flag goes before its environment variable, and that
// before the file.
func TestConfigPrecedence(t *testing.T) {
	t.Setenv("FORCELOGOUT_CONCURRENCY", "7")
	file := filepath.Join(t.TempDir(), "f.yaml")
	text := "gateway: http://127.0.0.1:1\ninspector: 1001\nguid-file: " + rig.GUIDFile(t) + "\nconcurrency: 5\nrate: 2.5\nmax-age: 3m\nretcodes: {900-002: permanent}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"environment": {nil, []string{`concurrency +7 +\(FORCELOGOUT_CONCURRENCY\)`, `call timeout +10s +\(default\)`, `max age +3m0s +\(file\)`, `rate +2.5 calls/s`, `max age +3m0s`, `retcode 900-002 +permanent`}},
		"flag":        {[]string{"--concurrency", "9", "--rate", "0"}, []string{`concurrency +9 +\(--concurrency\)`, `rate +no limit`}},
	} {
		code, out, errOut := invoke(rig.Context(t), append([]string{"worker", "--config", file, "--check-config"}, c.args...)...)
		for _, want := range c.want {
			if code != exit.OK || !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s: exit %d, no %q in %s%s", name, code, want, out, errOut)
			}
		}
	}
}

// TestConfigErrors: one line that says where and what.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	guid := rig.GUIDFile(t)
	cases := map[string]struct{ text, want string }{
		"unknown key":       {"gatway: x\n", `unknown key "gatway"`},
		"unknown in a vcc":  {"vccs:\n  - vcc: a\n    gatway: x\n", "gatway"},
		"no list":           {"vccs: a\n", "line 1: vccs must be a list"},
		"no name":           {"vccs:\n  - gateway: http://127.0.0.1:1\n", "entry 1 of vccs has no vcc"},
		"twice":             {"vccs:\n  - vcc: a\n  - vcc: a\n", "vcc a is there twice"},
		"type":              {"vccs:\n  - vcc: a\n    concurrency: many\n", "line 3"},
		"syntax":            {"vccs: [\n", "line"},
		"not in a file":     {"check-config: true\n", `unknown key "check-config"`},
		"no gateway":        {"vccs:\n  - vcc: a\n    inspector: 1001\n    guid-file: " + guid + "\n", "no gateway"},
		"number":            {"inspector: 1001\ngateway: http://127.0.0.1:1\nguid-file: " + guid + "\nconcurrency: 0\n", "--concurrency 0"},
		"two sources":       {"inspector: 1001\ngateway: http://127.0.0.1:1\nguid-file: " + guid + "\npassword-file: " + guid + "\n", "more than one source"},
		"password in it":    {"inspector: 1001\npassword: S3cret\n", `unknown key "password"`},
		"inspectors, twice": {"gateway: http://127.0.0.1:1\ninspectors:\n  - {inspector: 1001, guid-file: " + guid + "}\n  - {inspector: 1001, guid-file: " + guid + "}\n", "inspector 1001 is there twice"},
		"sign-in":           {"gateway: http://127.0.0.1:1\ninspectors:\n  - {inspector: 1001, guid-file: " + guid + ", sign-in: fast}\n", "must be plain or platform"},
		"empty key":         {"gateway:\n", "line 1: gateway has no value"},
		"empty in a vcc":    {"vccs:\n  - vcc: a\n    gateway:\n", "line 3: gateway has no value"},
		"two documents":     {"concurrency: 5\n---\nvccs:\n  - vcc: a\n", "line 3: a second document"},
		"no keys":           {"- a\n", "mapping is expected"},
		"missing CA":        {"gateway: https://127.0.0.1:1\ninspector: 1001\nguid-file: " + guid + "\ngateway-ca: /nowhere\n", "CA"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "f.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, errOut := invoke(rig.Context(t), "worker", "--config", file, "--check-config")
			if code != exit.Usage || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 || strings.Contains(errOut, "S3cret") {
				t.Errorf("exit %d, %q, want exit 2 and one line with %q", code, errOut, c.want)
			}
		})
	}
}

// TestConfigText: a number where a text belongs is the text that stands in the file.
func TestConfigText(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(rig.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"tenant":       {"vccs:\n  - {vcc: 0123, gateway: http://127.0.0.1:1, inspector: 1001, password-file: FILE}\n", "VCC 0123", exit.OK},
		"tenant alone": {"vcc: 0123\ngateway: http://127.0.0.1:1\ninspector: 1001\npassword-file: FILE\n", "VCC 0123", exit.OK},
		"byte order":   {"\ufeffvcc: a\ngateway: http://127.0.0.1:1\ninspector: 1001\npassword-file: FILE\n", "VCC a", exit.OK},
		"phone":        {"vccs:\n  - {vcc: a, gateway: http://127.0.0.1:1, inspector: 1001, password-file: FILE, phone: 070001}\n", "070001", exit.OK},
		"inspector":    {"gateway: http://127.0.0.1:1\ninspectors:\n  - {inspector: 01001, password-file: FILE}\n", `"01001"`, exit.Usage},
	} {
		file := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(c.text, "FILE", password)), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := invoke(rig.Context(t), "worker", "--config", file, "--check-config")
		if code != c.code || !strings.Contains(out+errOut, c.want) {
			t.Errorf("%s: exit %d, no %q in %s%s", name, code, c.want, out, errOut)
		}
	}
}

// TestConfigOneTenant: what is given for one VCC reaches no other.
func TestConfigOneTenant(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(rig.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "vccs:\n  - {vcc: a, gateway: http://127.0.0.1:1, inspector: 1001, password-file: FILE, concurrency: 16}\n  - {vcc: b, gateway: http://127.0.0.1:2, inspector: 1001 PASSWORD}\n"
	for name, c := range map[string]struct {
		own  bool
		env  map[string]string
		args []string
		code int
		want string
	}{
		"one password": {false, map[string]string{settings.PasswordVariable: "S3cret"}, nil, exit.Usage, "vcc b has no password-file"},
		"own password": {true, map[string]string{settings.PasswordVariable: "S3cret"}, nil, exit.OK, "valid"},
		"flag wins":    {true, nil, []string{"--concurrency", "9"}, exit.OK, "9 "},
		"variable too": {true, map[string]string{"FORCELOGOUT_CONCURRENCY": "9"}, nil, exit.OK, "(FORCELOGOUT_CONCURRENCY)"},
		"vcc":          {true, nil, []string{"--vcc", "c"}, exit.Usage, "--vcc and vccs"},
		"gateway":      {true, map[string]string{"FORCELOGOUT_GATEWAY": "http://127.0.0.1:3"}, nil, exit.Usage, "FORCELOGOUT_GATEWAY and gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			secret := ""
			if c.own {
				secret = ", password-file: FILE"
			}
			file := filepath.Join(t.TempDir(), "f.yaml")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(strings.ReplaceAll(text, " PASSWORD", secret), "FILE", password)), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errOut := invoke(rig.Context(t), append([]string{"worker", "--config", file, "--check-config"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errOut, c.want) || strings.Contains(out, "concurrency      16") && strings.Contains(c.want, "9") || strings.Contains(out+errOut, "S3cret") {
				t.Errorf("exit %d, %s%s", code, out, errOut)
			}
		})
	}
}
