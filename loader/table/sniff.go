package table

// separators in the order in which a tie is decided.
var separators = []byte{',', ';', '\t'}

// sniffRecords is how many records the separator and the header are judged by.
const sniffRecords = 64

// sniffSeparator picks the separator that cuts the first records into the most cells of equal number; a comma where
// none does, which makes a table of one column.
func sniffSeparator(data []byte, limits Limits) byte {
	best, most := separators[0], 1
	for _, sep := range separators {
		s := newScanner("", data, sep, limits)
		width := 0
		for range sniffRecords {
			cells, err := s.record()
			if err != nil || cells != nil && width != 0 && len(cells) != width {
				width = 0
				break
			}
			if cells == nil {
				break
			}
			width = len(cells)
		}
		if width > most {
			best, most = sep, width
		}
	}
	if most == 1 { // ragged everywhere: the separator of the first record gives the better error
		for _, sep := range separators {
			if cells, err := newScanner("", data, sep, limits).record(); err == nil && len(cells) > most {
				best, most = sep, len(cells)
			}
		}
	}
	return best
}

// sniffHeader decides whether the first record names the columns. It does if in some column it holds text above
// numbers; where no column has numbers, if its cells are all different, none is missing, and none occurs again below it.
func sniffHeader(file string, data []byte, sep byte, limits Limits) (bool, error) {
	s := newScanner(file, data, sep, limits)
	record, err := s.record()
	if err != nil {
		return false, err
	}
	first := make([]string, len(record))
	seen := make(map[string]bool, len(record))
	distinct := true
	textInFirst := false
	for i, cell := range record {
		first[i] = string(cell)
		distinct = distinct && len(cell) > 0 && !seen[first[i]]
		seen[first[i]] = true
		textInFirst = textInFirst || !isNumber(cell) && !isMissing(cell)
	}
	if !textInFirst {
		return false, nil
	}
	numbers, others := make([]int, len(first)), make([]int, len(first))
	anyNumber, recurs := false, false
	for range sniffRecords {
		record, err := s.record()
		if err != nil || record == nil {
			break // an error is reported when the rows are read
		}
		for i, cell := range record[:min(len(record), len(first))] {
			recurs = recurs || string(cell) == first[i]
			switch {
			case isMissing(cell):
			case isNumber(cell):
				numbers[i]++
				anyNumber = true
			default:
				others[i]++
			}
		}
	}
	for i, cell := range first {
		c := []byte(cell)
		if numbers[i] > others[i] && !isNumber(c) && !isMissing(c) {
			return true, nil
		}
	}
	return !anyNumber && distinct && !recurs, nil
}
