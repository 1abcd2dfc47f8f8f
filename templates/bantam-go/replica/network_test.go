package replica

import (
	"net"
	"testing"
)

func TestLostNetwork(t *testing.T) {
	read := func(texts ...string) (all []net.Addr) {
		for _, text := range texts {
			ip, network, err := net.ParseCIDR(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return all
	}
	loopback := read("127.0.0.1/8", "::1/128")
	for name, row := range map[string]struct {
		before, now []net.Addr
		lost        bool
	}{
		"faasd":            {read("127.0.0.1/8", "10.62.0.7/16", "fe80::1/64"), loopback, true},
		"IPv6 alone":       {read("::1/128", "fd00::7/64"), loopback, true},
		"Kubernetes":       {read("127.0.0.1/8", "10.42.0.7/24"), read("127.0.0.1/8", "10.42.0.7/24"), false},
		"another address":  {read("127.0.0.1/8", "10.42.0.7/24"), read("127.0.0.1/8", "192.168.1.4/24"), false},
		"one of two":       {read("10.42.0.7/24", "fd00::7/64"), read("127.0.0.1/8", "fd00::7/64"), false},
		"never had one":    {loopback, loopback, false},
		"has one only now": {loopback, read("127.0.0.1/8", "10.42.0.7/24"), false},
		"not known before": {nil, loopback, false},
		"loopback is down": {read("127.0.0.1/8", "10.62.0.7/16"), nil, true},
	} {
		if got := lostNetwork(row.before, row.now); got != row.lost {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
