package election

// Machine is one server's election. It is not safe for concurrent use.
type Machine struct{ cfg Config }
