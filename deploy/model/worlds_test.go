package model

// world is a Config of two workers and one message, changed.
func world(name string, changes ...func(*Config)) Config {
	c := Config{Name: name, Workers: 2, Messages: 1, AckWait: 3, Call: 1, Pull: 2}
	for _, change := range changes {
		change(&c)
	}
	return c
}

// faults is how many there may be in one history, and of which kinds.
func faults(n uint8, kinds ...func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Faults = n
		for _, kind := range kinds {
			kind(c)
		}
	}
}

func holds(c *Config)    { c.Hold = true }
func holdsIn(c *Config)  { c.HoldIn = true }
func cuts(c *Config)     { c.Cut = true }
func pauses(c *Config)   { c.Pause = true }
func crashes(c *Config)  { c.Crash = true }
func deletes(c *Config)  { c.Delete = true }
func repeats(c *Config)  { c.Impatient = true }
func cancels(c *Config)  { c.Cancel = true }
func expires(c *Config)  { c.Expire = true }
func handBack(c *Config) { c.HandBacks = 1 }
func twice(c *Config)    { c.Messages = 2 }
func longLife(c *Config) { c.LongLife = true }
func earlier(c *Config)  { c.Earlier = true }
func noQuery(c *Config)  { c.NoQuery = true }
func three(c *Config)    { c.Workers = 3 }

// slower: a call lasts two ticks of four.
func slower(c *Config) { c.AckWait, c.Call, c.Pull = 5, 2, 3 }

func trouble(n uint8) func(*Config) { return func(c *Config) { c.Trouble = n } }

// every is all that may befall processes and their connections.
func every(c *Config) {
	for _, kind := range []func(*Config){holds, holdsIn, cuts, pauses, crashes, repeats} {
		kind(c)
	}
}
