// The program millrace-adapter lets the cases of clients/conformance run on the Go client (see ADAPTER.md there): a
// request a line on stdin, its answer a line on stdout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

func main() {
	a := &adapter{}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var writing sync.Mutex
	answer := func(id int, content map[string]any) {
		content["id"] = id
		writing.Lock()
		defer writing.Unlock()
		if err := out.Encode(content); err != nil {
			fmt.Fprintln(os.Stderr, "answer:", err)
			os.Exit(1)
		}
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // whatever the client still holds, the runner wants no more of it
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, "request:", err)
			os.Exit(1)
		}
		// what may wait must not keep the others
		if waits[r.Op] {
			go func() { answer(r.ID, a.answer(&r)) }()
			a.began(&r)
		} else {
			answer(r.ID, a.answer(&r))
		}
	}
}

var waits = map[string]bool{"generate": true, "ready": true, "flush": true, "close": true}
