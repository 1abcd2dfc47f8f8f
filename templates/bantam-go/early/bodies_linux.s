// Empty: with a file of assembly in the package, the compiler accepts functions without a body (kernel_linux.go).
