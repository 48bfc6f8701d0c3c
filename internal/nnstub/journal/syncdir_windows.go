package journal

import "github.com/holdfast-ha/holdfast/internal/vfs"

// syncDir makes created and renamed names durable, by a detour that Windows needs.
func syncDir(dir string) error { return vfs.OS().SyncDir(dir) }
