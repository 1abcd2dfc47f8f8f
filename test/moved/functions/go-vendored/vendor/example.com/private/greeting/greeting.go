// Package greeting is a private module, of which there is only this copy.
package greeting

// For greets somebody.
func For(name string) string {
	if name == "" {
		name = "whoever you are"
	}
	return "Good morning, " + name + "\n"
}
