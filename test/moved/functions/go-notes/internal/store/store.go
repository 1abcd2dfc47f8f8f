// Package store keeps notes in memory.
package store

import (
	"strconv"
	"sync"
)

// Note is what somebody wrote.
type Note struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Store holds the notes of one process.
type Store struct {
	mutex sync.Mutex
	notes []Note
}

// New makes an empty one.
func New() *Store {
	return &Store{notes: []Note{}}
}

// Add keeps a note and gives it a number.
func (s *Store) Add(text string) Note {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	note := Note{ID: strconv.Itoa(len(s.notes) + 1), Text: text}
	s.notes = append(s.notes, note)
	return note
}

// All notes, the oldest first.
func (s *Store) All() []Note {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Note{}, s.notes...)
}

// Find looks one up.
func (s *Store) Find(id string) (Note, bool) {
	for _, note := range s.All() {
		if note.ID == id {
			return note, true
		}
	}
	return Note{}, false
}

// Count of notes.
func (s *Store) Count() int {
	return len(s.All())
}
