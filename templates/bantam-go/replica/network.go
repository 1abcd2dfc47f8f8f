package replica

import "net"

// hasLostNetwork compares the addresses at the start with those of now.
func (r *replica) hasLostNetwork() bool {
	now, err := net.InterfaceAddrs()
	return err == nil && lostNetwork(r.addresses, now)
}

// lostNetwork says whether a replica that could be reached from elsewhere no longer can. faasd takes a container's network away
// before it sends SIGTERM: no call can come then, and the next container is started only when this one has ended.
func lostNetwork(before, now []net.Addr) bool {
	return hasNetwork(before) && !hasNetwork(now)
}

func hasNetwork(addresses []net.Addr) bool {
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() {
			return true
		}
	}
	return false
}
