//go:build !linux

package function

// machineName is only known on Linux, where functions run; this is for tests on a developer's machine.
func machineName() string {
	return ""
}
