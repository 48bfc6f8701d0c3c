package zkserver

import "github.com/holdfast-ha/holdfast/zkserver/admin"

// State implements admin.Source.
func (s *Server) State() admin.State {
	if !s.running.Load() || s.Err() != nil {
		return admin.NotServing
	}
	return admin.Serving
}

// ensembleStatus is what operators see of the ensemble, nil for a standalone server. It may be called from any goroutine.
func (s *Server) ensembleStatus() *admin.Ensemble { return nil }
