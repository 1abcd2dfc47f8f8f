package function

import "syscall"

// machineName is the kernel's name for the processor's kind (uname -m).
func machineName() string {
	var name syscall.Utsname
	if syscall.Uname(&name) != nil {
		return ""
	}
	var text []byte
	for _, character := range name.Machine {
		if character == 0 {
			break
		}
		text = append(text, byte(character))
	}
	return string(text)
}
