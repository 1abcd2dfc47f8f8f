package early

// Numbers of the kernel's calls on arm with EABI (arch/arm/tools/syscall.tbl). Times are of 32 bits in those.
const (
	sysRead         = 3
	sysWrite        = 4
	sysClose        = 6
	sysClockGettime = 263
	sysSocket       = 281
	sysBind         = 282
	sysListen       = 284
	sysGetsockname  = 286
	sysSendto       = 290
	sysRecvfrom     = 292
	sysShutdown     = 293
	sysSetsockopt   = 294
	sysOpenat       = 322
	sysPpoll        = 336
	sysEventfd      = 356
	sysAccept4      = 366
	sysPrlimit64    = 369
	sysGetrandom    = 384
)
