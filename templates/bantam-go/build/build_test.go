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

// inFunction makes a function's folder of the files and goes to the context.
func inFunction(t *testing.T, files map[string]string) description {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		name = filepath.Join("function", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var build description
	build.Handler.Folder, build.Handler.Import, build.Handler.Go = "function", "handler/function", "1.24.0"
	build.Handler.Replacements = "GO_REPLACE.txt"
	return build
}

func TestPrepareModule(t *testing.T) {
	const module = "module handler/function\n"
	for name, test := range map[string]struct {
		files       map[string]string
		namesFolder bool
		want        string
		folders     []string
	}{
		"left alone": {files: map[string]string{"go.mod": module}, want: module},
		"none":       {files: map[string]string{"handler.go": ""}, want: module + "\ngo 1.24.0\n"},
		"of another name": {
			files: map[string]string{"go.mod": "module example.com/mine\n"},
			want:  module,
		},
		"that replaces itself": {
			files:       map[string]string{"go.mod": module + "\nrequire handler/function v0.0.0\n\nreplace handler/function => ./\n"},
			namesFolder: true,
			want:        module,
		},
		"with a module for another one": {
			files: map[string]string{"go.mod": module + "\nreplace example.com/a => example.com/b v1.0.0\n"},
			want:  module + "\nreplace example.com/a => example.com/b v1.0.0\n",
		},
		"with a folder for a module": {
			files:       map[string]string{"go.mod": module + "\nreplace (\n\ta.com/a => b.com/b v1.0.0\n\tc.com/c v1.0.0 => ./c\n)\n"},
			namesFolder: true,
			want:        module + "\nreplace (\n\ta.com/a => b.com/b v1.0.0\n\tc.com/c v1.0.0 => ./c\n)\n",
		},
		"with a vendor folder": {
			files: map[string]string{
				"go.mod":                    module + "\nrequire example.com/a v1.2.0\n",
				"vendor/modules.txt":        "# example.com/a v1.2.0\n## explicit; go 1.20\nexample.com/a\n# example.com/gone v1.0.0\n",
				"vendor/example.com/a/a.go": "package a\n",
			},
			want:    module,
			folders: []string{"function/vendor/example.com/a"},
		},
		"with the vendor folder of an older tool": {
			files: map[string]string{
				"vendor/github.com/a/b/c/c.go":  "package c\n",
				"vendor/github.com/a/b/LICENSE": "free\n",
				"vendor/github.com/a/d/d.go":    "package d\n",
			},
			want:    module + "\ngo 1.24.0\n",
			folders: []string{"function/vendor/github.com/a/b", "function/vendor/github.com/a/d"},
		},
		"with a GO_REPLACE.txt": {
			files: map[string]string{
				"GO_REPLACE.txt":       "replace github.com/a/fn/handlers => ./function/handlers\n",
				"handlers/handlers.go": "package handlers\n",
			},
			want:    module + "\ngo 1.24.0\n",
			folders: []string{"function/handlers"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			build := inFunction(t, test.files)
			read, err := prepareModule(build)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile("function/go.mod")
			if err != nil || string(got) != test.want {
				t.Errorf("go.mod is %q, %v, want %q", got, err, test.want)
			}
			if read.namesFolder() != test.namesFolder {
				t.Errorf("namesFolder is %v", read.namesFolder())
			}
			if want := append([]string{"function"}, test.folders...); !slices.Equal(read.folders, want) {
				t.Errorf("folders are %q, want %q", read.folders, want)
			}
		})
	}
}

func TestRefuseLeaving(t *testing.T) {
	build := inFunction(t, map[string]string{
		"go.mod": "module handler/function\n\nreplace (\n\ta.com/a => ../../a/b\n\tc.com/c => ./c\n\td.com/d => /d\n\thandler/function => ../function\n)\n",
	})
	build.Messages.LeavesFolder = "{folder}/go.mod:{line}: {found} {top} {wanted}"
	_, err := prepareModule(build)
	if want := "function/go.mod:4: ../../a/b a ./a/b\nfunction/go.mod:6: /d d ./d"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCopyFolders(t *testing.T) {
	build := inFunction(t, map[string]string{"static/a.txt": "a", "static/deep/run.sh": "#!/bin/sh\n"})
	if err := os.Chmod("function/static/deep/run.sh", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", "function/static/link.txt"); err != nil {
		t.Fatal(err)
	}
	build.Copies = []copied{{From: "static", To: "home/static"}, {From: "missing", To: "home/missing"}}
	executables, err := copyFolders(build, "root")
	if err != nil || !slices.Equal(executables, []file{{Path: "home/static/deep/run.sh", Mode: "0755"}}) {
		t.Errorf("got %v, %v", executables, err)
	}
	for name, want := range map[string]string{"a.txt": "a", "link.txt": "a", "deep/run.sh": "#!/bin/sh\n"} {
		info, err := os.Lstat("root/home/static/" + name)
		if err != nil || !info.Mode().IsRegular() {
			t.Fatal(name, info, err)
		}
		if got, err := os.ReadFile("root/home/static/" + name); string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
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
