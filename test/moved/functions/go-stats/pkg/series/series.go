// Package series computes with rows of numbers.
package series

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads numbers between commas.
func Parse(text string) ([]float64, error) {
	var numbers []float64
	for _, field := range strings.Split(text, ",") {
		number, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", field)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// Sum of numbers.
func Sum(numbers []float64) (sum float64) {
	for _, number := range numbers {
		sum += number
	}
	return sum
}

// Mean of numbers.
func Mean(numbers []float64) float64 {
	return Sum(numbers) / float64(len(numbers))
}
