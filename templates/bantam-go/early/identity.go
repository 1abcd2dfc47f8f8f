package early

// IsID says whether a caller's X-Call-Id is one to keep: 1 to 128 visible characters of ASCII.
func IsID(text string) bool {
	for i := range len(text) {
		if text[i] < 0x21 || text[i] > 0x7e {
			return false
		}
	}
	return 0 < len(text) && len(text) <= 128
}

// IsNumber says whether a caller's X-Start-Time is one to keep.
func IsNumber(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return 0 < len(text) && len(text) <= 20
}
