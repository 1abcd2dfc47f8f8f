package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// file is one entry of the tree that goes into the image.
type file struct {
	Path      string `json:"path"`
	Mode      string `json:"mode"` // octal, as chmod takes it
	Directory bool   `json:"directory"`
}

// settle makes the folders of the list and gives all of the tree its fixed modes and the time 0. Folders come last:
// whatever is made in one changes its time.
func settle(root string, files []file) error {
	modes := map[string]os.FileMode{}
	for _, entry := range files {
		bits, err := strconv.ParseUint(entry.Mode, 8, 32)
		if err != nil {
			return fmt.Errorf("build.json: mode of %s: %w", entry.Path, err)
		}
		mode := os.FileMode(bits & 0o777)
		if bits&0o1000 != 0 {
			mode |= os.ModeSticky
		}
		path := filepath.Join(root, entry.Path)
		if entry.Directory {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
		}
		modes[path] = mode
	}
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			folders = append(folders, path)
			return nil
		}
		return settleOne(path, modes, 0o644)
	})
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := settleOne(folder, modes, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func settleOne(path string, modes map[string]os.FileMode, otherwise os.FileMode) error {
	mode, listed := modes[path]
	if !listed {
		mode = otherwise
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0))
}
