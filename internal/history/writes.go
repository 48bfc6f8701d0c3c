package history

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/anishathalye/porcupine"
)

// ErrUndecided tells that the search for a linear order was given up after the time allowed.
var ErrUndecided = errors.New("history: not decided in the time allowed whether the writes are linearizable")

// register is the state of one key.
type register struct {
	exists  bool
	version int32
	value   string
}

// Writes judges whether the writes, and the reads behind a sync, are linearizable, each key for itself. limit bounds the time
// (0: none); when it is over the answer is ErrUndecided. A violation is a *Violation with the key's operations.
func Writes(ops []Op, limit time.Duration) error {
	for _, k := range byKey(ops) {
		switch porcupine.CheckOperationsTimeout(model, k.history(), limit) {
		case porcupine.Ok:
		case porcupine.Unknown:
			return fmt.Errorf("%w (key %s, %d operations)", ErrUndecided, k.key, len(k.ops))
		default:
			return &Violation{
				Promise: "writes are not linearizable", Key: k.key, Ops: k.ops,
				Detail: "there is no order of these operations that explains all answers",
			}
		}
	}
	return nil
}

// Draw writes an HTML page that shows one key's operations and how far they can be put in order.
func Draw(w io.Writer, ops []Op, key string) error {
	for _, k := range byKey(ops) {
		if k.key != key {
			continue
		}
		_, info := porcupine.CheckOperationsVerbose(model, k.history(), time.Minute)
		if err := porcupine.Visualize(model, info, w); err != nil {
			return fmt.Errorf("history: draw key %s: %w", key, err)
		}
		return nil
	}
	return fmt.Errorf("history: no operations on key %s", key)
}

// keyOps are the operations on a key that must be linearizable.
type keyOps struct {
	key string
	ops []Op
}

// byKey sorts the operations that Writes judges by their key, keys in the order of their first operation. A read behind a
// sync is given the sync's call.
func byKey(ops []Op) []*keyOps {
	var keys []*keyOps
	index := map[string]*keyOps{}
	synced := map[int64]int64{} // by session: call of the last sync that was answered
	all := map[string][]*Op{}
	for i := range ops {
		o := ops[i]
		all[o.Key] = append(all[o.Key], &ops[i])
		switch {
		case o.Kind == Sync:
			if o.Outcome == OK {
				synced[o.Session] = o.Call
			}
			continue
		case o.Kind == Read:
			call, ok := synced[o.Session]
			if !ok || o.Outcome != OK {
				continue
			}
			o.Call = call
		case o.Outcome == Never:
			continue
		}
		k := index[o.Key]
		if k == nil {
			k = &keyOps{key: o.Key}
			index[o.Key], keys = k, append(keys, k)
		}
		k.ops = append(k.ops, o)
	}
	for _, k := range keys {
		k.settle(all[k.key])
	}
	return keys
}

func (k *keyOps) history() []porcupine.Operation {
	list := make([]porcupine.Operation, len(k.ops))
	for i := range k.ops {
		o := &k.ops[i]
		list[i] = porcupine.Operation{ClientId: i, Input: o, Output: o, Call: o.Call, Return: o.Return}
	}
	return list
}

// model is one register. An operation of unknown outcome may be put anywhere behind its call, in particular at the very
// end, where nobody sees whether it happened.
var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		r, o := state.(register), input.(*Op)
		next, reason := r.step(o)
		switch o.Outcome {
		case Unknown:
			return true, next
		case Refused:
			return reason == o.Reason, r
		default:
			return reason == NoReason && r.explains(o, next), next
		}
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, _ any) string {
		return input.(*Op).String()
	},
	DescribeState: func(state any) string {
		r := state.(register)
		if !r.exists {
			return "none"
		}
		return fmt.Sprintf("%q version %d", r.value, r.version)
	},
}

// step is the register after an operation, or the reason why it is refused.
func (r register) step(o *Op) (register, Reason) {
	switch o.Kind {
	case Create:
		if r.exists {
			return r, NodeExists
		}
		return register{exists: true, value: o.Value}, NoReason
	case Set, Delete:
		switch {
		case !r.exists:
			return r, NoNode
		case o.Expect != AnyVersion && o.Expect != r.version:
			return r, BadVersion
		case o.Kind == Delete:
			return register{}, NoReason
		}
		return register{exists: true, value: o.Value, version: r.version + 1}, NoReason
	case Read, Sync:
	}
	return r, NoReason
}

// explains tells whether the answer of an operation that happened is that of this register.
func (r register) explains(o *Op, next register) bool {
	switch o.Kind {
	case Set:
		return o.Version == next.version
	case Read:
		if !o.Found {
			return !r.exists
		}
		return r.exists && r.value == o.Value && r.version == o.Version
	case Create, Delete, Sync:
	}
	return true
}
