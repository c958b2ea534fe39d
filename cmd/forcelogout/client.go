package main

import (
	"github.com/forcelogout/forcelogout/worker/client"
)

// clientFlags are what commands share that only talk to NATS.
type clientFlags struct {
	natsFlags
	logFlags
}

// open connects as the named command. The caller closes.
func (f clientFlags) open(name string, std streamsIO) (cl *client.Client, closeAll func(), err error) {
	prefix, err := f.prefix()
	if err != nil {
		return nil, nil, err
	}
	log, err := f.logger(std.err)
	if err != nil {
		return nil, nil, err
	}
	nc, err := f.connect(name, log)
	if err != nil {
		return nil, nil, err
	}
	if cl, err = client.New(nc, prefix); err != nil {
		nc.Close()
		return nil, nil, err
	}
	return cl, nc.Close, nil
}
