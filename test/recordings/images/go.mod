module recorded

go 1.24
