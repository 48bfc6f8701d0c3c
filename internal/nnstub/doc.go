// Package nnstub is the demo NameNode: an active/standby service that is honest about what high availability must protect.
// It serves HAServiceProtocol over Hadoop RPC, so that an original ZKFC or haadmin can drive it, and a namespace of files
// whose edits go to a shared journal with epochs (package journal).
//
//	put -> Node -> committer: gathers what has come together -> journal.Writer.Append: one write, one fsync, fence check
//	                                                         -> namespace -> answers with epoch and txid
//	standby: journal.Poll every PollInterval -> namespace
//
// The state of a node changes only in transition (by request) and depose (by the journal, when a later epoch has begun).
// An acknowledged put is durable, and in the journal for ever. A put whose answer was lost may or may not be: the client
// sends it again, which is harmless because a put writes a file whole.
package nnstub
