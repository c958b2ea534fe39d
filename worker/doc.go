// Package worker is the service, as wiring: a command comes in, may it run?, decide, call,
// decide, record, acknowledge. New builds the parts, Run starts them, drains, and waits;
// there is no rule here.
//
// The map, in the order in which a command passes:
//
//	intake    from the server into this process: pulls, capacity, deliveries and their leases
//	admit     may it run? a message becomes a job, or is settled at once
//	execute   the loop: job.Decide says what to do, a file each does it
//	job       the rules, pure: what was seen, what to do next, how it ends
//	record    results, notes, live events, log lines
//	outage    the gate: the gateway is down, is tried, comes back slowly
//	protect   the agents whom nobody may sign out
//	pace      how many calls a minute may have, of all workers
//	session   inspectors, and who keeps their sessions
//	sweep     what nobody has in hand: expired, withdrawn
//
// A command's states, as job.Decide moves it:
//
//	          +------------- Wait, AwaitSession ---+
//	          v                                    |
//	admit -> Ready -> Secure -> Query -> Call -> Confirm
//	          |         |         |        |       |
//	          |         v         v        v       v
//	          |        End: result stored, then acknowledged
//	          +-> Keep: that the agent is out is noted; one more look, then End
//	          +-> Yield: note stored, then given back until it is due
//	          +-> Drop, Settle, LeaveToTwin, Leave: it is not this worker's
//
// Who owns which goroutine. Run starts all of them and waits for all:
//
//	intake.Run        pulls; starts one goroutine per pull and waits for them
//	intake.Extend     the beats that extend leases
//	intake.Watch      looks whether delivery progresses
//	crew              one goroutine per command in hand; each takes the next one when done
//	protected         reads the files of protected agents again
//	book.Run          the outbox, one goroutine that waits for acknowledgements, and one per
//	                  result that is stored again
//	ledger, notes     their readers, which ask for many subjects at a time
//	board             lets obstacles lapse that nothing meets any more
//	throttle          applies what the gate and the sessions say to capacity and pool
//	gate.Run          trials of a gateway that is down
//	inspectors.Run    one goroutine per inspector's source
//	sweeper           Expire, HearWithdrawals, EndWithdrawn, EndSwallowed
//	status            answers for the status
//
// Lock order: intake's leases before a delivery, and before the NATS connection's own lock;
// the gate before its breaker, which tells the gate of changes under both: the gate only
// notes them, and throttle acts. No other lock is taken under a lock, and nothing is logged or
// published under one.
//
// Shutdown: the context ends, so nothing more is pulled, waits end and their commands are
// handed back; executions end; then the outbox, which they write to; then the leases, the
// readers and the sessions, which they need until then; last the acknowledgements are
// flushed. DrainTimeout cuts off what takes longer.
package worker
