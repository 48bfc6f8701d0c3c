// Package zab is Zab as a pure state machine.
package zab
