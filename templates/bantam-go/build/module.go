package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// manifest is what `go mod edit -json` tells of a go.mod.
type manifest struct {
	Module  struct{ Path string }
	Require []struct{ Path string }
	Replace []struct {
		Old struct{ Path, Version string }
		New struct{ Path, Version string }
	}
}

// namesFolder says whether a module is replaced by a folder: nothing can be downloaded before its sources are there.
func (read manifest) namesFolder() bool {
	return slices.ContainsFunc(read.Replace, func(replaced struct {
		Old struct{ Path, Version string }
		New struct{ Path, Version string }
	}) bool {
		return replaced.New.Version == ""
	})
}

// module is the function as the go command is to see it.
type module struct {
	manifest
	// folders are modules that lie in the function's folder, its own among them, by their paths in the context.
	folders []string
	// explanations are for its imports of itself under a name that it does not have any more.
	explanations []explanation
}

// prepareModule makes the function's folder the module that the runtime imports, whatever OpenFaaS' templates have let it be:
// without a go.mod, with one of another name, with lines that replace the module by itself, with a vendor folder, or with a
// GO_REPLACE.txt. What it writes lies in the build context, which is a copy.
func prepareModule(build description) (module, error) {
	var read module
	folder := build.Handler.Folder
	name := filepath.Join(folder, "go.mod")
	if err := writeModule(folder, build.Handler.Import, build.Handler.Go); err != nil {
		return read, err
	}
	command := exec.Command("go", "mod", "edit", "-json", name)
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return read, errors.New(say(build, build.Messages.UnreadableModule, ""))
	}
	if err := json.Unmarshal(text, &read.manifest); err != nil {
		return read, err
	}
	vendored, err := vendoredModules(build)
	if err != nil {
		return read, err
	}
	if len(vendored) == 0 {
		if err := read.refuseLeaving(build, name); err != nil {
			return read, err
		}
	}
	if edits := read.edits(build, len(vendored) > 0); len(edits) > 0 {
		arguments := append([]string{"mod", "edit"}, append(edits, name)...)
		if err := runGo(build, append(os.Environ(), "GOWORK=off"), arguments...); err != nil {
			return read, err
		}
	}
	if old := read.Module.Path; old != build.Handler.Import {
		read.explanations = []explanation{{
			Pattern: "package " + regexp.QuoteMeta(old) + "/",
			Message: say(build, build.Messages.OtherModule, old),
		}}
	}
	replacing, err := replacingModules(build)
	read.folders = append(append([]string{folder}, vendored...), replacing...)
	return read, err
}

// edits are what has to change in the function's go.mod. With a vendor folder it asks for nothing: all is in there.
func (read manifest) edits(build description, vendored bool) []string {
	var edits []string
	own := build.Handler.Import
	if read.Module.Path != own {
		edits = append(edits, "-module="+own)
	}
	for _, required := range read.Require {
		if vendored || required.Path == own {
			edits = append(edits, "-droprequire="+required.Path)
		}
	}
	for _, replaced := range read.Replace {
		if !vendored && replaced.Old.Path != own {
			continue
		}
		name := replaced.Old.Path
		if replaced.Old.Version != "" {
			name += "@" + replaced.Old.Version
		}
		edits = append(edits, "-dropreplace="+name)
	}
	return edits
}

// refuseLeaving refuses folders outside of the function's that its go.mod puts in the place of modules: only its own folder goes
// into the build, and what lies above is the template's.
func (read manifest) refuseLeaving(build description, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var all []error
	for _, replaced := range read.Replace {
		found := replaced.New.Path
		if replaced.Old.Path == build.Handler.Import || replaced.New.Version != "" {
			continue
		}
		if first, _, _ := strings.Cut(path.Clean(found), "/"); first != ".." && !path.IsAbs(found) {
			continue
		}
		line := 1 + strings.Count(string(text[:max(0, strings.Index(string(text), found))]), "\n")
		inside := strings.TrimLeft(stepsUp.ReplaceAllString(found, ""), "/")
		top, _, _ := strings.Cut(inside, "/")
		sentence := strings.NewReplacer("{line}", strconv.Itoa(line), "{top}", top, "{wanted}", "./"+inside).
			Replace(build.Messages.LeavesFolder)
		all = append(all, errors.New(say(build, sentence, found)))
	}
	return errors.Join(all...)
}

// stepsUp is the beginning of a path that leads out.
var stepsUp = regexp.MustCompile(`^(?:\.{1,2}/)+`)

// writeModule makes a go.mod where there is none.
func writeModule(folder, name, version string) error {
	file := filepath.Join(folder, "go.mod")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, []byte("module "+name+"\n\ngo "+version+"\n"), 0o644)
}
