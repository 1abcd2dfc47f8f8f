// Builds a function of this template as build.json says: one static binary per platform.
//
//	bantam-build download               modules of function/, before its sources are there
//	bantam-build compile PLATFORM DIR   the binary, in the tree of files that DIR will be in the image
//
// Both run in the build context: the template's folder with the function's own folder as function/. The tree in DIR has
// fixed modes and times, its folders included, so that nothing of the machine that builds reaches the image's digest.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// description is build.json.
type description struct {
	Package string `json:"package"`
	Handler struct {
		Folder string `json:"folder"`
		Import string `json:"import"`
		Symbol string `json:"symbol"`
	} `json:"handler"`
	Workspace   string            `json:"workspace"`
	Output      string            `json:"output"`
	Flags       []string          `json:"flags"`
	Ldflags     string            `json:"ldflags"`
	Environment map[string]string `json:"environment"`
	Messages    struct {
		NoModule         string `json:"noModule"`
		OtherModule      string `json:"otherModule"`
		UnreadableModule string `json:"unreadableModule"`
	} `json:"messages"`
	Explanations []struct {
		Pattern string `json:"pattern"`
		Message string `json:"message"`
	} `json:"explanations"`
	Files []file `json:"files"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	text, err := os.ReadFile("build.json")
	if err != nil {
		return err
	}
	var build description
	if err := json.Unmarshal(text, &build); err != nil {
		return fmt.Errorf("build.json: %w", err)
	}
	module, err := readManifest(build)
	if err != nil {
		return err
	}
	workspace, err := makeWorkspace(build)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 1 && arguments[0] == "download":
		if module.namesFolder() {
			return nil // compile does it
		}
		return runGo(build, append(environment(build, workspace), "GOOS=", "GOARCH="), "mod", "download")
	case len(arguments) == 3 && arguments[0] == "compile":
		target, err := platformEnvironment(arguments[1])
		if err != nil {
			return err
		}
		binary := filepath.Join(arguments[2], build.Output)
		command := append([]string{"build"}, build.Flags...)
		command = append(command, "-ldflags", build.Ldflags, "-o", binary, build.Package)
		if err := runGo(build, append(environment(build, workspace), target...), command...); err != nil {
			return err
		}
		return settle(arguments[2], build.Files)
	}
	return errors.New("usage: bantam-build download | bantam-build compile PLATFORM DIR")
}
