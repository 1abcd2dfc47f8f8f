package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPlatformEnvironment(t *testing.T) {
	for platform, want := range map[string][]string{
		"linux/amd64/":   {"GOOS=linux", "GOARCH=amd64"},
		"linux/amd64":    {"GOOS=linux", "GOARCH=amd64"},
		"linux/amd64/v3": {"GOOS=linux", "GOARCH=amd64", "GOAMD64=v3"},
		"linux/arm64/v8": {"GOOS=linux", "GOARCH=arm64"},
		"linux/arm/v7":   {"GOOS=linux", "GOARCH=arm", "GOARM=7"},
		"linux/arm/v6":   {"GOOS=linux", "GOARCH=arm", "GOARM=6"},
		"linux/arm":      {"GOOS=linux", "GOARCH=arm", "GOARM=7"},
		"linux":          nil,
		"linux/":         nil,
		"a/b/c/d":        nil,
	} {
		got, err := platformEnvironment(platform)
		if !slices.Equal(got, want) || (err == nil) == (want == nil) {
			t.Errorf("%q: got %v, %v, want %v", platform, got, err, want)
		}
	}
}

func TestReadManifest(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("function", 0o755); err != nil {
		t.Fatal(err)
	}
	var build description
	build.Handler.Folder, build.Handler.Import = "function", "handler/function"
	for text, namesFolder := range map[string]bool{
		"module handler/function\n": false,
		"module handler/function\n\nreplace example.com/a => example.com/b v1.0.0\n":                       false,
		"module handler/function\n\nreplace example.com/a => ./a\n":                                        true,
		"module handler/function\n\nreplace (\n\ta.com/a => b.com/b v1.0.0\n\tc.com/c v1.0.0 => ../c\n)\n": true,
	} {
		if err := os.WriteFile("function/go.mod", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if read, err := readManifest(build); err != nil || read.namesFolder() != namesFolder {
			t.Errorf("%q: got %v, %v, want %v", text, read.namesFolder(), err, namesFolder)
		}
	}
}

func TestSettle(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := os.MkdirAll(filepath.Join(root, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"function", "sub/file"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := settle(root, []file{{Path: "function", Mode: "0755"}, {Path: "tmp", Mode: "1777", Directory: true}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		".":        os.ModeDir | 0o755,
		"function": 0o755,
		"sub":      os.ModeDir | 0o755,
		"sub/file": 0o644,
		"tmp":      os.ModeDir | os.ModeSticky | 0o777,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want || info.ModTime().Unix() != 0 {
			t.Errorf("%s: %v at %v, want %v at 0", name, info.Mode(), info.ModTime(), want)
		}
	}
	if err := settle(root, []file{{Path: "function", Mode: "rwx"}}); err == nil {
		t.Error("a mode that is no number is no error")
	}
}
