package millrace

import "time"

// SetUpgradeAfter is for tests that cannot wait a minute; it returns how to undo it.
func SetUpgradeAfter(d time.Duration) (undo func()) {
	before := upgradeAfter
	upgradeAfter = d
	return func() { upgradeAfter = before }
}
