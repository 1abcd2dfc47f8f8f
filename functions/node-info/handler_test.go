package function

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fake is a machine of these files.
func fake(t *testing.T, files map[string]string) system {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return system{root: root}
}

func TestRaspberryPiWithUnifiedGroups(t *testing.T) {
	info := describe(fake(t, map[string]string{
		"proc/cpuinfo":                     "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nModel\t: Raspberry Pi\n",
		"proc/device-tree/model":           "Raspberry Pi 4 Model B Rev 1.4\x00",
		"proc/meminfo":                     "MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    4000000 kB\n",
		"proc/uptime":                      "123.45 456.78\n",
		"proc/sys/kernel/osrelease":        "6.6.31+rpt-rpi-v8\n",
		"proc/self/cgroup":                 "0::/\n",
		"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
		"sys/fs/cgroup/cpu.max":            "50000 100000\n",
		"sys/fs/cgroup/memory.max":         "67108864\n",
		"sys/fs/cgroup/memory.current":     "1048576\n",
	}))
	if info.Processor != "Cortex-A72" || info.Model != "Raspberry Pi 4 Model B Rev 1.4" || info.Kernel != "6.6.31+rpt-rpi-v8" {
		t.Errorf("got %q, %q, %q", info.Processor, info.Model, info.Kernel)
	}
	if info.Memory.TotalBytes != 8000000*1024 || info.Memory.AvailableBytes != 4000000*1024 || info.MachineUptimeSeconds != 123.45 {
		t.Errorf("got %+v, up %v", info.Memory, info.MachineUptimeSeconds)
	}
	if info.CgroupVersion != 2 || *info.CPU.Limit != 0.5 || *info.Memory.LimitBytes != 64<<20 || info.Memory.UsedBytes != 1<<20 {
		t.Errorf("got version %d, %v, %v, %d", info.CgroupVersion, info.CPU.Limit, info.Memory.LimitBytes, info.Memory.UsedBytes)
	}
}

func TestUnifiedGroupsWithoutLimits(t *testing.T) {
	got := fake(t, map[string]string{
		"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
		"sys/fs/cgroup/cpu.max":            "max 100000\n",
		"sys/fs/cgroup/memory.max":         "max\n",
	}).limits()
	if got.version != 2 || got.processors != nil || got.memory != nil {
		t.Errorf("got %+v", got)
	}
}

func TestOldGroups(t *testing.T) {
	got := fake(t, map[string]string{
		"proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n",
		"sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us":  "150000\n",
		"sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":     "33554432\n",
		"sys/fs/cgroup/memory/memory.usage_in_bytes":     "4096\n",
	}).limits()
	if got.version != 1 || *got.processors != 1.5 || *got.memory != 32<<20 || got.used != 4096 {
		t.Errorf("got %+v", got)
	}
	got = fake(t, map[string]string{
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "-1\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
	}).limits()
	if got.processors != nil || got.memory != nil {
		t.Errorf("got %+v", got)
	}
}

func TestMachineThatTellsNothing(t *testing.T) {
	info := describe(fake(t, nil))
	if info.Memory.TotalBytes != 0 || info.CgroupVersion != 0 || info.CPU.Limit != nil || info.Platform == "" || info.CPU.Count < 1 {
		t.Errorf("got %+v", info)
	}
}

func TestBelongsTo(t *testing.T) {
	for _, test := range []struct {
		architecture, machine string
		want                  bool
	}{
		{"amd64", "x86_64", true}, {"arm64", "x86_64", false}, {"arm", "x86_64", false}, {"386", "x86_64", true},
		{"arm64", "aarch64", true}, {"arm", "aarch64", true}, {"amd64", "aarch64", false},
		{"arm", "armv7l", true}, {"arm64", "armv7l", false}, {"riscv64", "riscv64", true},
	} {
		if got := belongsTo(test.architecture, test.machine); got != test.want {
			t.Errorf("%s on %s: got %v", test.architecture, test.machine, got)
		}
	}
}

func TestForeignProcessor(t *testing.T) {
	x86 := fake(t, map[string]string{"proc/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\n"})
	arm := fake(t, map[string]string{"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\n"})
	for _, test := range []struct {
		machine      system
		architecture string
		want         bool
	}{
		{x86, "amd64", false}, {x86, "arm64", true}, {x86, "arm", true},
		{arm, "arm64", false}, {arm, "arm", false}, {arm, "amd64", true},
		{fake(t, nil), "arm64", false}, {x86, "riscv64", false},
	} {
		if got := test.machine.hasForeignProcessor(test.architecture); got != test.want {
			t.Errorf("%s: got %v", test.architecture, got)
		}
	}
}

func TestHandle(t *testing.T) {
	t.Setenv("BANTAM_REVISION", "3f2a91c0")
	ask := func(method, target, accept string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(method, target, nil)
		request.Header.Set("Accept", accept)
		Handle(recorder, request)
		return recorder
	}
	answer := ask(http.MethodGet, "/", "*/*")
	var info nodeInfo
	if err := json.Unmarshal(answer.Body.Bytes(), &info); err != nil {
		t.Fatal(err)
	}
	if info.Revision != "3f2a91c0" || !strings.HasPrefix(info.Platform, runtime.GOOS+"/"+runtime.GOARCH) || info.PageSize != os.Getpagesize() {
		t.Errorf("got %+v", info)
	}
	for _, text := range []*httptest.ResponseRecorder{ask(http.MethodGet, "/?format=text", ""), ask(http.MethodGet, "/", "text/plain")} {
		if !strings.Contains(text.Body.String(), "revision") || !strings.Contains(text.Body.String(), "3f2a91c0") {
			t.Errorf("got %q", text.Body)
		}
	}
	if ask(http.MethodGet, "/?format=json", "text/plain").Header().Get("Content-Type") != "application/json" {
		t.Error("?format=json is not obeyed")
	}
	if got := ask(http.MethodDelete, "/", "").Code; got != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: got %d", got)
	}
}
