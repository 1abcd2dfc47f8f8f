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
		// Go is the version that a function without a go.mod is written for.
		Go           string `json:"go"`
		Replacements string `json:"replacements"`
	} `json:"handler"`
	Modules     []string          `json:"modules"`
	Workspace   string            `json:"workspace"`
	Output      string            `json:"output"`
	Flags       []string          `json:"flags"`
	Ldflags     string            `json:"ldflags"`
	Environment map[string]string `json:"environment"`
	Messages    struct {
		OtherModule      string `json:"otherModule"`
		UnreadableModule string `json:"unreadableModule"`
		LeavesFolder     string `json:"leavesFolder"`
	} `json:"messages"`
	Explanations []explanation `json:"explanations"`
	Copies       []copied      `json:"copies"`
	Files        []file        `json:"files"`
}

// explanation is a sentence for what the go command says.
type explanation struct {
	Pattern string `json:"pattern"`
	Message string `json:"message"`
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
	module, err := prepareModule(build)
	if err != nil {
		return err
	}
	build.Explanations = append(module.explanations, build.Explanations...)
	workspace, err := makeWorkspace(build, module.folders)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 1 && arguments[0] == "download":
		if module.namesFolder() {
			return nil // compile does it
		}
		// Before the function's sources are there, so that a change of them downloads nothing anew. What cannot be had now may
		// lie in the function's vendor folder; if it does not, compile says so.
		_ = runGo(build, append(environment(build, workspace), "GOOS=", "GOARCH="), "mod", "download")
		return nil
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
		executables, err := copyFolders(build, arguments[2])
		if err != nil {
			return err
		}
		return settle(arguments[2], append(executables, build.Files...))
	}
	return errors.New("usage: bantam-build download | bantam-build compile PLATFORM DIR")
}
