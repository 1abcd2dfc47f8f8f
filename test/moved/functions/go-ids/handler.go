package function

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"
)

var logger = zerolog.New(os.Stderr).With().Str("function", "go-ids").Logger()

type request struct {
	Space string   `yaml:"space"`
	Names []string `yaml:"names"`
}

// Handle makes name-based UUIDs of a YAML document.
func Handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	wanted := request{Space: uuid.NameSpaceDNS.String()}
	if err := yaml.Unmarshal(body, &wanted); err != nil {
		logger.Error().Err(err).Msg("not YAML")
		http.Error(w, "not YAML", http.StatusUnprocessableEntity)
		return
	}
	space, err := uuid.Parse(wanted.Space)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	logger.Info().Int("names", len(wanted.Names)).Msg("making")
	for _, name := range wanted.Names {
		fmt.Fprintln(w, uuid.NewSHA1(space, []byte(name)), name)
	}
}
