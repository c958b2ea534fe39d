// Package session has the inspectors of a VCC: where each one's session comes
// from, how it is kept alive and shared, and which inspector makes the next call.
//
// A session is given (a file, the environment, or another program that writes it
// into the bucket), or kept: then one worker, the keeper, holds a lease in the
// bucket, signs the inspector in and polls, and the others use what it writes.
//
// # A kept session
//
// Each worker is in one of these states for each inspector; run goes from one to the
// next, and each has a function of its name.
//
//	state        function            ends                                       then
//	following    follow              the lease is free or abandoned, and there  leading
//	                                 is a session to poll or a password to try
//	             follow              the worker shuts down                      end
//	leading      lead                the record has no session                  signing in
//	             lead                it has one                                 polling
//	             lead                the lease is lost or given up              following
//	             lead                the worker shuts down                      retiring
//	signing in   signInUntilDone     a sign-in worked                           leading
//	             signInUntilDone     100-002, and it is the session of before   leading
//	             signInUntilDone     no password may be tried for long: leave   following
//	polling      hold                the session is proven to be over: it is    leading
//	                                 the former one from now on
//	             hold                no answer for CutOff: release              following
//	retiring     retire              nobody else needs the session: sign-out    end
//	             retire              else the lease is free at once             end
//
// # The lease
//
// A lease is the keeper's name and a random value in the record. Every write of the
// keeper extends it, and goes through only if nobody has written in between. The
// keeper counts from before it sent its last write, and gives itself an eighth less
// than the others wait, who count from when the server took the write: by the
// server's clock, so that a worker that has just started knows how long the keeper
// has been silent. All that a keeper does, a sign-in of a minute as well as a poll, is
// cut off when the lease ends (tenure.while). So there are never two keepers; a
// worker that was paused or cut off stops before another begins.
//
// A record that is deleted is written again by the keeper; the others wait for that as
// long as for a silent keeper. Without a keeper, whoever takes the lease writes the
// session that it has in use.
//
// # Doubt
//
// A refusal may come from a node that does not know the session. So it proves nothing
// by itself:
//
//	refused           asked                                          proven by
//	a call            the own state, twice, over new connections     both refused
//	a poll            the same                                       both refused, or a third poll in a row
//	a poll, where     the poll again, over a new connection          two in a row
//	nothing else can
//	be asked
//
// Before the first poll has answered, calls and questions may be refused by a gateway
// with AUTHMODE 2 that takes only GUIDs of polls: the poll decides, and is not
// cancelled. Commands that meet a refusal wait, and go on with the first of: a newer
// GUID, a poll that worked, a question that was answered, a new session.
//
// A session that is proven to be over is remembered as the former one. If the gateway
// then answers a sign-in with 100-002, somebody is signed in, and before a person is
// blamed the former session is asked about. The same after a sign-out that failed. An
// announced sign-in whose answer was lost leaves a session that nobody has the GUID
// of, and so does a poll whose answer with another GUID was lost: the record says until
// when, and 100-002 is called by that name.
//
// # Passwords
//
// Five wrong passwords lock an account. The record has a slow hash of each password
// that the gateway has refused since the last sign-in that worked, with how often and
// until when it must not be tried, counted before each try, as a worker may end before
// the answer comes. A wrong one gets two tries over all workers and
// restarts, a further one a single try; an account that needs a person gets one try
// each LockRetry. A worker that may not try leaves the lease to one that may.
package session
