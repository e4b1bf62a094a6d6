package main

// explain adds what the flags mean to the explanations of the file.
func (d document) explain(flags []string) {
	for _, flag := range flags {
		d.Flags[flag] = meaning(flag)
	}
}

// meaning is the sentence that a file carries for a flag it uses.
func meaning(flag string) string {
	switch flag {
	case "order":
		return "Two or more defects on purpose: the first check that fails names the error (FRM-9)."
	case "default-limit":
		return "The limit is the default: the receiver is to be made without setting one (FRM-13)."
	case "unknown-method":
		return "No worker exposes this method, so the request is answered with an error under its ID (WRK-10)."
	case "visible-id":
		return "The payload is no request, but an ID can be seen in it. In the basic framing an answer under 0 and one under that ID are both right."
	case "readable-id":
		return "Well-formed JSON with a readable ID but without the shape of a response. The receiver may fail that call alone or all calls of the connection."
	default:
		return ""
	}
}
