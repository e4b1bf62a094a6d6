package known

// Outcome is what a list says of one report.
type Outcome struct {
	File    string   `json:"file"`
	Excused []Excuse `json:"excused"`
	// Problems are the entries that are wrong: each makes the run fail.
	Problems []Problem `json:"problems"`
	// Outside counts the entries of which the run says nothing, because it was restricted or interrupted.
	Outside int `json:"outside"`
}

// Excuse is one case that does not pass, and the entries that say so.
type Excuse struct {
	Case    string  `json:"case"`
	Entries []Entry `json:"entries"`
}

// Problem is one entry that is wrong.
type Problem struct {
	Entry
	// Text says what is wrong and what to do, file and line first.
	Text string `json:"text"`
}

// Excuses reports whether the case is excused.
func (o Outcome) Excuses(id string) bool {
	for _, e := range o.Excused {
		if e.Case == id {
			return true
		}
	}
	return false
}
