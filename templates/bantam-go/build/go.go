package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// makeWorkspace makes a workspace file in the build context and returns its path. A workspace is what lets the function keep
// its own go.mod, go.sum and replace lines. It lies in the context because folders that replace a module are named in the
// binary, by their path from there. `go work use` gives it the newer one of the Go versions that the template and the
// function ask for.
func makeWorkspace(build description, folders []string) (string, error) {
	context, err := os.Getwd()
	if err != nil {
		return "", err
	}
	workspace := filepath.Join(context, build.Workspace)
	if err := os.WriteFile(workspace, []byte("go 1.0\n"), 0o644); err != nil {
		return "", err
	}
	used := []string{"work", "use", context}
	for _, folder := range slices.Concat(build.Modules, folders) {
		used = append(used, filepath.Join(context, folder))
	}
	return workspace, runGo(build, environment(build, workspace), used...)
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
	for _, explanation := range build.Explanations {
		if match := regexp.MustCompile(explanation.Pattern).FindStringSubmatch(said); match != nil {
			return say(build, explanation.Message, match[len(match)-1])
		}
	}
	return ""
}

// say fills in a sentence of build.json.
func say(build description, sentence, found string) string {
	return strings.NewReplacer(
		"{folder}", build.Handler.Folder,
		"{import}", build.Handler.Import,
		"{symbol}", build.Handler.Symbol,
		"{found}", found,
	).Replace(sentence)
}
