// Package function tells what the replica that answers runs on.
package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
)

var thisMachine = system{root: "/"}

// Handle answers with JSON, or with text for people: ?format=text or an Accept header that prefers text/plain.
func Handle(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "GET, please", http.StatusMethodNotAllowed)
		return
	}
	info := describe(thisMachine)
	if wantsText(r) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		writeText(w, info)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(info) // fails only when the caller has gone
}

func wantsText(r *http.Request) bool {
	switch r.URL.Query().Get("format") {
	case "text":
		return true
	case "json":
		return false
	}
	return strings.HasPrefix(r.Header.Get("Accept"), "text/plain")
}

func writeText(w http.ResponseWriter, info nodeInfo) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, values...))
	}
	line("host name", "%s", info.HostName)
	line("platform", "%s (kernel says %s)", info.Platform, info.Machine)
	if info.Emulated {
		line("emulated", "yes: the program is for another processor than the machine's")
	}
	line("processor", "%s", info.Processor)
	line("model", "%s", info.Model)
	line("kernel", "%s", info.Kernel)
	line("page size", "%d", info.PageSize)
	line("processors", "%d, %s allowed", info.CPU.Count, limitText(info.CPU.Limit, "%.2f"))
	line("memory", "%d MiB, %d MiB available", info.Memory.TotalBytes>>20, info.Memory.AvailableBytes>>20)
	if limit := info.Memory.LimitBytes; limit != nil {
		line("memory limit", "%d MiB, %d MiB used (cgroup v%d)", *limit>>20, info.Memory.UsedBytes>>20, info.CgroupVersion)
	} else {
		line("memory limit", "none")
	}
	line("machine up", "%.0f s", info.MachineUptimeSeconds)
	line("replica up", "%.0f s", info.ReplicaUptimeSeconds)
	line("revision", "%s", info.Revision)
	line("deploy", "%s", info.Deploy)
	line("Go", "%s", info.GoVersion)
	_ = table.Flush()
}

func limitText(limit *float64, format string) string {
	if limit == nil {
		return "all"
	}
	return fmt.Sprintf(format, *limit)
}
