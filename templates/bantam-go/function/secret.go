package function

import (
	"os"
	"path/filepath"
	"strings"
)

// secret reads a secret listed under `secrets:` of this function in stack.yml. Each one is a file; a line break at its
// end is dropped. Delete this file if the function has no secrets.
func secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("secret_mount_path"), name))
	return strings.TrimRight(string(text), "\r\n"), err
}
