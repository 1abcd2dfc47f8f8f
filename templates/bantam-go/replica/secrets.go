package replica

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// shortestSecret is the length from which a text is looked for: a shorter one is in every other line by chance.
	shortestSecret = 4
	longestSecret  = 64 << 10
	// secretsAge is how long the files are believed: Kubernetes replaces them while the process runs.
	secretsAge = 5 * time.Second
)

// secretTexts knows what is in the files of the secrets, to keep it out of the log: an error message quotes what it failed on.
type secretTexts struct {
	folder string
	mutex  sync.Mutex
	read   time.Time
	hidden *strings.Replacer
}

// hide replaces secrets by three stars.
func (s *secretTexts) hide(text string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.hidden == nil || time.Since(s.read) > secretsAge {
		s.hidden, s.read = readSecrets(s.folder), time.Now()
	}
	return s.hidden.Replace(text)
}

// readSecrets reads all files of the folder; what cannot be read cannot be said by the function either.
func readSecrets(folder string) *strings.Replacer {
	var texts []string
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		name := filepath.Join(folder, entry.Name())
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > longestSecret {
			continue
		}
		content, err := os.ReadFile(name)
		if text := strings.TrimSpace(string(content)); err == nil && len(text) >= shortestSecret {
			texts = append(texts, text)
		}
	}
	// The longer one first: another may be its beginning.
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(texts))
	for _, text := range texts {
		pairs = append(pairs, text, "***")
	}
	return strings.NewReplacer(pairs...)
}
