package main

import (
	"errors"
	"os"
	"path/filepath"
)

// copied is a folder of the function that goes into the image as it is.
type copied struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// copyFolders copies those that are there, and returns the programs among the files. Links are followed: what they lead to is
// copied.
func copyFolders(build description, root string) ([]file, error) {
	var executables []file
	for _, folder := range build.Copies {
		from := filepath.Join(build.Handler.Folder, folder.From)
		if info, err := os.Stat(from); errors.Is(err, os.ErrNotExist) || (err == nil && !info.IsDir()) {
			continue
		}
		found, err := copyFolder(from, root, folder.To)
		if err != nil {
			return nil, err
		}
		executables = append(executables, found...)
	}
	return executables, nil
}

func copyFolder(from, root, to string) ([]file, error) {
	var executables []file
	if err := os.MkdirAll(filepath.Join(root, to), 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		info, err := os.Stat(source)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			found, err := copyFolder(source, root, target)
			if err != nil {
				return nil, err
			}
			executables = append(executables, found...)
			continue
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(root, target), content, 0o644); err != nil {
			return nil, err
		}
		if info.Mode()&0o100 != 0 {
			executables = append(executables, file{Path: target, Mode: "0755"})
		}
	}
	return executables, nil
}
