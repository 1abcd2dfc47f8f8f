package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// manifest is what `go mod edit -json` tells of a go.mod.
type manifest struct {
	Module struct{ Path string }
	Go     string
}

// makeWorkspace writes a go.work outside the build context, with the newer one of the Go versions that the template and
// the function ask for, and returns its path. A workspace is what lets the function keep its own go.mod, go.sum and
// replace lines.
func makeWorkspace(build description) (string, error) {
	own, err := readManifest("go.mod")
	if err != nil {
		return "", err
	}
	name := build.Handler.Folder + "/go.mod"
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s: error: missing: run `go mod init %s` in the function's folder", name, build.Handler.Import)
	}
	function, err := readManifest(name)
	if err != nil {
		return "", err
	}
	if function.Module.Path != build.Handler.Import {
		return "", fmt.Errorf("%s:1:1: error: the module is named %s: it has to be %s", name, function.Module.Path, build.Handler.Import)
	}
	newer := own.Go
	if version.Compare("go"+function.Go, "go"+newer) > 0 {
		newer = function.Go
	}
	context, err := os.Getwd()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "bantam-build-")
	if err != nil {
		return "", err
	}
	workspace := filepath.Join(folder, "go.work")
	text := fmt.Sprintf("go %s\n\nuse (\n\t%q\n\t%q\n)\n", newer, context, filepath.Join(context, build.Handler.Folder))
	return workspace, os.WriteFile(workspace, []byte(text), 0o644)
}

func readManifest(name string) (manifest, error) {
	var read manifest
	command := exec.Command("go", "mod", "edit", "-json", name)
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return read, fmt.Errorf("%s: error: it cannot be read (see above)", name)
	}
	return read, json.Unmarshal(text, &read)
}

// environment is that of build.json over the machine's: the same flags wherever it runs.
func environment(build description, workspace string) []string {
	values := append(os.Environ(), "GOWORK="+workspace)
	for name, value := range build.Environment {
		values = append(values, name+"="+value)
	}
	return values
}

// platformEnvironment turns `linux/arm/v7` into what the go command calls it.
func platformEnvironment(platform string) ([]string, error) {
	parts := strings.Split(strings.TrimSuffix(platform, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return nil, fmt.Errorf("%q is no platform: OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT is needed", platform)
	}
	values := []string{"GOOS=" + parts[0], "GOARCH=" + parts[1]}
	variant := ""
	if len(parts) == 3 {
		variant = parts[2]
	}
	switch {
	case parts[1] == "arm" && variant == "":
		return append(values, "GOARM=7"), nil // what OCI takes arm without a variant for
	case parts[1] == "arm":
		return append(values, "GOARM="+strings.TrimPrefix(variant, "v")), nil
	case parts[1] == "amd64" && variant != "":
		return append(values, "GOAMD64="+variant), nil
	}
	return values, nil
}

// runGo runs the go command in the build context, so that it names files as `function/handler.go:12:3`.
func runGo(build description, environment []string, arguments ...string) error {
	var said bytes.Buffer
	command := exec.Command("go", arguments...)
	command.Env = environment
	command.Stdout = os.Stdout
	command.Stderr = io.MultiWriter(os.Stderr, &said)
	err := command.Run()
	if err == nil {
		return nil
	}
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return err
	}
	if hint := explain(build, said.String()); hint != "" {
		return errors.New(hint)
	}
	return fmt.Errorf("go %s failed (see above)", arguments[0])
}

// explain adds what the compiler cannot know: what the template wants. Empty where the compiler has said it all.
func explain(build description, said string) string {
	folder, symbol := build.Handler.Folder, build.Handler.Symbol
	for _, sign := range []string{
		"undefined: function." + symbol,
		"cannot use function." + symbol,
		"cannot convert function." + symbol,
		"package handler/function is not in std", // no Go file at all
		"no Go files in",
		"build constraints exclude all Go files in",
		"is a program, not an importable package",
	} {
		if strings.Contains(said, sign) {
			return fmt.Sprintf("%s/: error: the handler is missing: package function with func %s(w http.ResponseWriter, r *http.Request) is needed", folder, symbol)
		}
	}
	if missing := missingPackage.FindStringSubmatch(said); missing != nil {
		return fmt.Sprintf("%s/go.mod: error: no module for %s is listed: run `go get %s` in the function's folder", folder, missing[1], missing[1])
	}
	if wanted := newerGo.FindStringSubmatch(said); wanted != nil {
		return fmt.Sprintf("%s/go.mod: error: it asks for Go %s, newer than the one that builds: lower its `go` line, or give GO_BUILD in the template's Dockerfile a newer image", folder, wanted[1])
	}
	return ""
}

var missingPackage = regexp.MustCompile(`(?:cannot find module providing|no required module provides) package ([^\s:;]+)`)

var newerGo = regexp.MustCompile(`requires go >= ([0-9.]+)`)
