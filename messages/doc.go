// Package messages is the wire: what publishers, workers and observers say to
// each other over NATS, and on which subjects.
//
//   - [Command] orders that one agent be signed out. [DecodeCommand] is strict:
//     a misspelt expiresAt must not be ignored.
//   - [Result] is the one terminal event of a command, [Progress] the live
//     events before it. Their decoding is lenient: observers must survive
//     extensions.
//   - [Prefix] builds every subject, stream and consumer name of one
//     installation. [ReplyPatterns] says where results may also be sent.
//   - [Schema] is all of it for machines, as JSON Schema and AsyncAPI.
//
// The package does no input or output, keeps no state and needs no NATS client.
package messages
