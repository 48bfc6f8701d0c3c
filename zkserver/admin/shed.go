package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"go.uber.org/zap"
)

// shedding is the body of shed_connections.
type shedding struct {
	Percentage *json.Number `json:"percentage"`
}

// maxShedding bounds that body.
const maxShedding = 4 << 10

// shedConnections closes a share of the clients' connections, so that they spread over the other servers (ZOOKEEPER-5015).
func (h *HTTP) shedConnections(w http.ResponseWriter, r *http.Request, c *httpCommand) {
	var q shedding
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxShedding))
	switch err := d.Decode(&q); {
	case errors.Is(err, io.EOF):
		respond(w, http.StatusBadRequest, c.name, nil, `Request body is required, such as {"percentage": 25}`)
		return
	case err != nil:
		respond(w, http.StatusBadRequest, c.name, nil, "Invalid JSON or failed to read request body: "+err.Error())
		return
	case q.Percentage == nil:
		respond(w, http.StatusBadRequest, c.name, nil, "Missing required field: percentage")
		return
	}
	percentage, err := q.Percentage.Int64()
	if err != nil || percentage < 0 || percentage > 100 {
		respond(w, http.StatusBadRequest, c.name, nil, "Percentage must be between 0 and 100, a whole number")
		return
	}
	shed := h.op.Shed(int(percentage))
	h.opts.Logger.Info("connections of clients were closed on request, so that they go to other servers", zap.Int("connections", shed),
		zap.Int64("percentage", percentage), zap.String("peer", r.RemoteAddr))
	respond(w, http.StatusOK, c.name, object{{"connections_shed", shed}, {"percentage_requested", percentage}}, "")
}
