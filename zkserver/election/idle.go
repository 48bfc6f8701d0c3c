package election

// NextTick is in how many ticks, at least one, Tick has something to do; only while looking for a leader.
func (m *Machine) NextTick() int {
	switch {
	case m.state != Looking || m.decided:
		return 1
	case m.hasQuorum && m.now+1 >= m.finalize:
		return 1 // and as long as another vote is waited for
	case m.hasQuorum:
		return max(1, min(m.finalize, m.resend)-m.now)
	case m.oracle && len(m.voters) == 2:
		return 1
	}
	return max(1, m.resend-m.now)
}

// Skip lets k ticks pass that are fewer than NextTick.
func (m *Machine) Skip(k int) {
	m.strange = m.strange[:0]
	if m.state == Looking && !m.decided {
		m.now += k
	}
}
