package quorum

import "slices"

// Guests is a rule that knows of more servers than decide by it: those of another rule are among its voters, with the weight
// they have there, and their votes count for nothing. An election that knows of them can elect one: whether it may lead is
// decided by the rule it goes by itself.
type Guests struct {
	rule, guests Verifier
	voters       []Sid
	places       []int // place in rule.Voters() or -1, by place
}

// NewGuests lets the voters of another rule be asked as well.
func NewGuests(rule, guests Verifier) (*Guests, error) {
	all := slices.Concat(rule.Voters(), guests.Voters())
	slices.Sort(all)
	voters, err := checkVoters(slices.Compact(all))
	if err != nil {
		return nil, err
	}
	g := &Guests{rule: rule, guests: guests, voters: voters}
	for _, sid := range voters {
		g.places = append(g.places, Index(rule, sid))
	}
	return g, nil
}

// Voters implements Verifier.
func (g *Guests) Voters() []Sid { return g.voters }

// Weight implements Verifier: the greater of the two.
func (g *Guests) Weight(sid Sid) int64 { return max(g.rule.Weight(sid), g.guests.Weight(sid)) }

// Contains implements Verifier: the guests are not counted.
func (g *Guests) Contains(s Set) bool {
	var counted Set
	for i, place := range g.places {
		if s.Has(i) {
			counted.Add(place)
		}
	}
	return g.rule.Contains(counted)
}
