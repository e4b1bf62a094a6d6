package pool

// SetLastID sets the latest request ID, for tests of large ones.
func SetLastID(p *Pool, id uint64) { p.lastID.Store(id) }

// StartProcess is the default of PoolOptions.Spawn.
var StartProcess = startProcess

// IsUnread reports whether nobody reads the connection to worker 0, so that the caller of the next call does.
func IsUnread(p *Pool) bool {
	p.scheduler.mu.Lock()
	m := p.scheduler.seats[0].link.(*multiplexed)
	p.scheduler.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.turn.state == free
}
