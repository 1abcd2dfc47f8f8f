module 0/bantam

go 1.26.0

require (
	github.com/VictoriaMetrics/metrics v1.40.2
	golang.org/x/crypto/x509roots/fallback v0.0.0-20261030153154-30a33513ff6d
)

require (
	github.com/valyala/fastrand v1.1.0 // indirect
	github.com/valyala/histogram v1.2.0 // indirect
	golang.org/x/sys v0.15.0 // indirect
)
