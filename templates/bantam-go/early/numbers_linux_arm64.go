package early

// Numbers of the kernel's calls on arm64 (include/uapi/asm-generic/unistd.h).
const (
	sysEventfd      = 19
	sysOpenat       = 56
	sysClose        = 57
	sysRead         = 63
	sysWrite        = 64
	sysPpoll        = 73
	sysClockGettime = 113
	sysSocket       = 198
	sysBind         = 200
	sysListen       = 201
	sysGetsockname  = 204
	sysSendto       = 206
	sysRecvfrom     = 207
	sysSetsockopt   = 208
	sysShutdown     = 210
	sysAccept4      = 242
	sysPrlimit64    = 261
	sysGetrandom    = 278
)
