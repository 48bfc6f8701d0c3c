package sim

type client struct{}

func (c *client) serverDied(*server, bool) {}
