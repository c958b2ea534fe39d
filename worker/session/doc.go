// Package session has the inspectors of a VCC: where each one's session comes
// from, how it is kept alive and shared, and which inspector makes the next call.
//
// A session is given (a file, the environment, or another program that writes it
// into the bucket), or kept: then one worker, the keeper, holds a lease in the
// bucket, signs the inspector in and polls, and the others use what it writes.
package session
