package function

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

var started = time.Now()

// nodeInfo is the answer. What cannot be found out is left empty; a limit that is nil is no limit.
type nodeInfo struct {
	HostName             string  `json:"hostName"`
	Platform             string  `json:"platform"`            // what the program is compiled for: linux/arm/v7
	Machine              string  `json:"machine"`             // what the kernel says, or an emulator in its place: aarch64
	Emulated             bool    `json:"emulated"`            // the program is for another processor than the machine's
	Processor            string  `json:"processor,omitempty"` // "Cortex-A72", "AMD EPYC 7B13"
	Model                string  `json:"model,omitempty"`     // "Raspberry Pi 4 Model B Rev 1.4"
	Kernel               string  `json:"kernel"`
	PageSize             int     `json:"pageSize"` // 16384 on a Raspberry Pi 5: not every program bears it
	CPU                  cpu     `json:"cpu"`
	Memory               memory  `json:"memory"`
	CgroupVersion        int     `json:"cgroupVersion,omitempty"`
	MachineUptimeSeconds float64 `json:"machineUptimeSeconds"`
	ReplicaUptimeSeconds float64 `json:"replicaUptimeSeconds"`
	Revision             string  `json:"revision,omitempty"`
	Deploy               string  `json:"deploy,omitempty"`
	GoVersion            string  `json:"goVersion"`
}

type cpu struct {
	Count int      `json:"count"`
	Limit *float64 `json:"limit"` // processors' worth of time
}

type memory struct {
	TotalBytes     uint64  `json:"totalBytes"`
	AvailableBytes uint64  `json:"availableBytes"`
	LimitBytes     *uint64 `json:"limitBytes"`
	UsedBytes      uint64  `json:"usedBytes,omitempty"` // of the limit
}

func describe(machine system) nodeInfo {
	hostName, _ := os.Hostname() // empty where there is none
	info := nodeInfo{
		HostName:             hostName,
		Platform:             platform(),
		Machine:              machineName(),
		Processor:            machine.processor(),
		Model:                machine.model(),
		Kernel:               machine.line("proc/sys/kernel/osrelease"),
		PageSize:             os.Getpagesize(),
		MachineUptimeSeconds: machine.uptime(),
		ReplicaUptimeSeconds: time.Since(started).Seconds(),
		Revision:             os.Getenv("BANTAM_REVISION"),
		Deploy:               os.Getenv("BANTAM_DEPLOY"),
		GoVersion:            runtime.Version(),
		CPU:                  cpu{Count: runtime.NumCPU()},
	}
	info.Memory.TotalBytes, info.Memory.AvailableBytes = machine.memory()
	limits := machine.limits()
	info.CgroupVersion = limits.version
	info.CPU.Limit = limits.processors
	info.Memory.LimitBytes, info.Memory.UsedBytes = limits.memory, limits.used
	info.Emulated = (info.Machine != "" && !belongsTo(runtime.GOARCH, info.Machine)) || machine.hasForeignProcessor(runtime.GOARCH)
	return info
}

// platform is what this program was compiled for, as images name it.
func platform() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	if build, ok := debug.ReadBuildInfo(); ok && runtime.GOARCH == "arm" {
		for _, setting := range build.Settings {
			if setting.Key == "GOARM" {
				name += "/v" + strings.TrimSuffix(setting.Value, ",hardfloat")
			}
		}
	}
	return name
}

// belongsTo tells whether a kernel of this machine runs programs of an architecture by itself: 64-bit ARM and x86 kernels
// run 32-bit programs too.
func belongsTo(architecture, machine string) bool {
	switch {
	case machine == "x86_64":
		return architecture == "amd64" || architecture == "386"
	case machine == "aarch64":
		return architecture == "arm64" || architecture == "arm"
	case strings.HasPrefix(machine, "arm"):
		return architecture == "arm"
	}
	return true
}
