// Package sshd holds the tests of sshfence against OpenSSH's own server, agent and keys, where the original's library
// fails with most of them.
package sshd
