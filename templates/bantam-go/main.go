// The process of a replica. Its module is named 0/bantam because Go initialises packages in the order of their import paths:
// see package early.
package main

import (
	_ "time/tzdata" // the image holds nothing but this program

	_ "golang.org/x/crypto/x509roots/fallback" // used where the system has no certificates of its own

	_ "0/bantam/early/start" // opens the port before any of the function's code runs
	"0/bantam/replica"
	"handler/function"
)

func main() {
	replica.Run(replica.Adapt(function.Handle))
}
