package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// vendoredModules makes a module of each one in the function's vendor folder, so that the workspace can use it: a workspace does
// not look into the vendor folders of its modules. `go mod vendor` leaves a list; older tools leave the folders alone. Modules
// that the template has itself are its own.
func vendoredModules(build description) ([]string, error) {
	folder := path.Join(build.Handler.Folder, "vendor")
	versions, err := readVendorList(build, folder)
	if err != nil {
		return nil, err
	}
	var folders []string
	for name, version := range versions {
		inside := path.Join(folder, name)
		if info, err := os.Stat(inside); err != nil || !info.IsDir() || name == build.Handler.Import || isOurs(build, name) {
			continue
		}
		if err := writeModule(inside, name, version); err != nil {
			return nil, err
		}
		folders = append(folders, inside)
	}
	slices.Sort(folders)
	return folders, nil
}

// isOurs says whether a module of the template has this name.
func isOurs(build description, name string) bool {
	return slices.ContainsFunc(build.Modules, func(folder string) bool {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		return err == nil && strings.HasPrefix(string(text), "module "+name+"\n")
	})
}

var (
	vendorModule  = regexp.MustCompile(`^# (\S+)(?: v\S+)?(?: =>.*)?$`)
	vendorVersion = regexp.MustCompile(`^##.*\bgo ([0-9][0-9.a-z]*)`)
)

// readVendorList reads vendor/modules.txt: modules with the Go version that their go.mod had. Without that file, a module is
// each topmost folder that holds a file.
func readVendorList(build description, folder string) (map[string]string, error) {
	versions := map[string]string{}
	text, err := os.ReadFile(filepath.Join(folder, "modules.txt"))
	if err == nil {
		name := ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\r\n")
			if match := vendorModule.FindStringSubmatch(line); match != nil {
				name = match[1]
				versions[name] = oldestGo
			} else if match := vendorVersion.FindStringSubmatch(line); match != nil && name != "" {
				versions[name] = match[1]
			}
		}
		return versions, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	err = filepath.WalkDir(folder, func(inside string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return filepath.SkipAll // no vendor folder
		}
		if err != nil || !entry.IsDir() || inside == folder {
			return err
		}
		entries, err := os.ReadDir(inside)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return !entry.IsDir() }) {
			return nil
		}
		name, err := filepath.Rel(folder, inside)
		if err != nil {
			return err
		}
		versions[filepath.ToSlash(name)] = oldestGo
		return filepath.SkipDir
	})
	return versions, err
}

// oldestGo is what a module is taken for that does not say which Go it was written for (go.dev/ref/mod#go-mod-file-go).
const oldestGo = "1.16"

var replacement = regexp.MustCompile(`^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s*=>\s*\./(\S+?)/?\s*$`)

// replacingModules makes modules of the folders that GO_REPLACE.txt names, in which older functions told OpenFaaS' templates
// where their packages are. Its paths begin at the build context.
func replacingModules(build description) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(build.Handler.Folder, build.Handler.Replacements))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var folders []string
	for line := range strings.Lines(string(text)) {
		match := replacement.FindStringSubmatch(line)
		if match == nil || match[1] == build.Handler.Import || !filepath.IsLocal(match[2]) {
			continue
		}
		if err := writeModule(match[2], match[1], build.Handler.Go); err != nil {
			return nil, err
		}
		folders = append(folders, path.Clean(match[2]))
	}
	return folders, nil
}
