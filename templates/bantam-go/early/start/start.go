// Package start opens the port when it is initialised, before all packages but early. The program imports it, nobody else.
package start

import "0/bantam/early"

func init() { early.Open() }
