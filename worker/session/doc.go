// Package session has the inspectors of a VCC: where each one's session comes from, how
// the workers keep it alive and share it, and which inspector makes the next call.
//
// # Overview
//
// A call to the gateway needs the session of a signed-in inspector: a GUID, with the
// cookies that belong to it. [Pool.Take] hands an inspector to each call, [Use.Done] takes
// it back and learns from the answer, and [Use.Refused] says that the gateway did not
// take the session. Each inspector has one source of its session:
//
//	given    given.go    a file or the environment; another program signs in
//	shared   shared.go   the bucket; another program signs in and writes
//	kept     kept.go     the workers sign in, keep the session alive, and share it
//
// The rest of this text is about kept sessions. Two workers that sign in with one account
// evict each other for ever. So one worker, the keeper, holds a lease in the bucket: the
// keeper signs in and polls, the others follow what the keeper writes into the record.
// All of them make calls with the session.
//
// # States
//
// A state is a function that lasts as long as the worker is in that state, and returns
// the next one; drive goes from one to the next. The first row goes on until the worker
// shuts down. The second row is within leading, and ends with the lease.
//
//	        the lease is free or abandoned          the worker
//	        and there is something to do            shuts down
//	following -------------------------> leading -------------> retiring -> end
//	  |   ^                                |
//	  |   +---- the lease is lost ---------+
//	  v         or given up
//	 end, when the worker shuts down
//
//	             no session in the record
//	          +--------------------------> signing in --+
//	choosing -+                                         +--> choosing
//	          +--------------------------> polling -----+
//	             a session in the record
//
//	state        function   file         ends
//	following    follow     follow.go    this worker has taken the lease; or it shuts down
//	leading      lead       lead.go      the lease is lost or given up; or the worker shuts down
//	choosing     choose     lead.go      at once
//	signing in   signIn     signin.go    there is a session; or no password may be tried for long
//	polling      poll       poll.go      the session is over; or the gateway does not answer this worker
//	retiring     retire     retire.go    after the sign-out, or when the lease is free for another
//
// What to do is decided by functions without side effects, each with a table test:
// Pool.judge (what does an answer say?), evidence.proves (and what does that prove?),
// judgeSignIn (what does a refused sign-in call for?), signIns.remedy (what about somebody
// who is signed in?), passwords.wait (may this password be tried?), entry.free (may the
// lease be taken?).
//
// # The lease, and how long it can be trusted
//
// A lease is the keeper's name and a random value in the record. Every write of the
// keeper extends the lease, and goes through only if nobody has written in between.
//
//	keeper  sends a write |=============== 7/8 Lease ==============|  stops here
//	others           see the write |================= Lease =================|  may begin here
//
// The keeper counts from before it sent its last write, and gives itself an eighth less
// than the others wait. The others count from when they saw the write; a worker that has
// just started asks the server how old the write is, so that it does not wait again for a
// keeper that is long dead. All that a keeper does gets a context that ends with the lease
// (lease.keep): a sign-in of a minute as well as a poll. So there are never two keepers,
// and a worker that was paused or cut off stops before another begins.
//
// A record that is deleted is written again by the keeper; the others wait for that as
// long as for a silent keeper. Without a keeper, the worker that takes the lease writes
// the session that it has in use.
//
// # Doubts
//
// A session lives on one node of the gateway, and a node that does not know the session
// refuses it. So one refusal is a doubt and no proof. Commands that meet a refusal wait,
// and the worker asks the keeper for a check. Polls and checks share one step,
// keeping.inquire: it asks for the inspector's own state, twice if need be, over new
// connections, and evidence.proves has the rule:
//
//	refused   own state says      a newer GUID is there   proves
//	any       refused             yes                     that the refused GUID was old
//	a call    refused             no                      that the session is over
//	a call    good                                        that it is good
//	a call    nothing                                     nothing: ask again, after a pause
//	a poll    refused             no                      that it is over
//	a poll    good                                        that it is good; over at the third poll in a row
//	a poll    nothing                                     nothing; over at the second poll in a row
//
// Before the first poll has worked, a gateway with AUTHMODE 2 may refuse everything but
// polls. Until then only polls prove anything, and no poll is cancelled for a doubt.
//
// A poll that works settles the doubts from before it began; it need not be asked about.
//
// # When something fails
//
//	a session is over             it becomes the former one, and the keeper signs in
//	100-002 at the sign-in        the former session may be that somebody: it is asked about,
//	                              tried again, else signed out; then force, where allowed
//	an answer is lost that had    the record says until when such a session may live, and
//	a GUID (sign-in, poll)        100-002 is explained by it before a person is blamed
//	the gateway answers no poll   listen asks quick questions; after CutOff without an answer
//	                              the keeper leaves the lease to others and rests
//	NATS is away                  writes are repeated as long as the lease holds; what could
//	                              not be written is shared or kept for the next term
//	the lease is lost during      the next keeper gets the new session as the former one, or
//	a sign-in                     the mark of the refused password
//	the gateway loses each        the pauses before sign-ins grow until one session has lived
//	session at once               for a while
//	polls are refused, 000-001    heartbeats in their place, and a warning
//
// # Passwords
//
// Five wrong passwords lock an account. The record has a slow hash, a mark, of each
// password that the gateway has refused since the last sign-in that worked: how often, and
// until when the password must not be tried. A try is counted before it is made, as a
// worker may end before the answer comes. A wrong password gets two tries over all workers
// and restarts, a further wrong one a single try; an account that needs a person gets one
// try each LockRetry. A worker that may not try for longer than patience gives the lease
// up, as another may have a better password.
//
// # Goroutines and their owners
//
//	Pool.Run            starts one goroutine per inspector, its source's run, and waits for all
//	kept.run            the states; owns all fields of kept but doubts
//	following.checks    one question about a session from before; follow waits for it
//	lease.keep          two: one extends the lease, one ends the context with it; lead stops both
//	keeping.check       asks when calls were refused; poll stops it and waits
//	subscriptions       NATS calls doubts.raise and answers askNeeded; run ends both
//	right.bar           a timer for the next trial call; Pool.Run stops it
//
// # Locks
//
// The pool's lock guards inspectors and waiters; a lease's lock, what its last write came
// to; watches, those who wait for an agent. None is taken under another, and none is held
// during a read, a write or a call. What is noted under the pool's lock is logged when the
// lock is free (quiet). One write of a lease at a time is made by whoever has its turn.
package session
