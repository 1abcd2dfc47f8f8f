package early

// Numbers of the kernel's calls on amd64 (arch/x86/entry/syscalls/syscall_64.tbl).
const (
	sysRead         = 0
	sysWrite        = 1
	sysClose        = 3
	sysSocket       = 41
	sysSendto       = 44
	sysRecvfrom     = 45
	sysShutdown     = 48
	sysBind         = 49
	sysListen       = 50
	sysGetsockname  = 51
	sysSetsockopt   = 54
	sysClockGettime = 228
	sysOpenat       = 257
	sysPpoll        = 271
	sysAccept4      = 288
	sysEventfd      = 290
	sysPrlimit64    = 302
	sysGetrandom    = 318
)
