// Package livegateway starts the real gateway of this repository for tests.
package livegateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Gateway is a process on a free port, with a store of its own that is gone after the test.
type Gateway struct {
	// URL stays the same over restarts.
	URL string
	// Token, where there is one, reads streams.
	Token   string
	t       testing.TB
	store   string
	args    []string
	command *exec.Cmd
	log     *log
}

// Start skips the test where there is no Node or no gateway here.
func Start(t testing.TB, args ...string) *Gateway {
	t.Helper()
	g := &Gateway{t: t, store: "sqlite:" + filepath.Join(t.TempDir(), "events.db"), args: args, log: &log{}}
	g.run("0")
	t.Cleanup(g.Kill)
	return g
}

// Restart begins anew on the same port and store.
func (g *Gateway) Restart() {
	g.t.Helper()
	u, err := url.Parse(g.URL)
	if err != nil {
		g.t.Fatal(err)
	}
	g.run(u.Port())
}

// Kill ends it by SIGKILL.
func (g *Gateway) Kill() {
	if g.command == nil {
		return
	}
	// it may have ended already, and Wait reports the signal
	_ = g.command.Process.Kill()
	_ = g.command.Wait()
	g.command = nil
}

// CLI runs a command of the gateway on its store, and returns what it prints.
func (g *Gateway) CLI(args ...string) string {
	g.t.Helper()
	node, bin := programs(g.t)
	command := exec.Command(node, append([]string{bin}, append(args, "--store", g.store)...)...)
	command.Dir = g.t.TempDir()
	out, err := command.Output()
	if err != nil {
		g.t.Fatalf("%v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Events are the texts of a stream, in order.
func (g *Gateway) Events(key string) (events []string) {
	g.t.Helper()
	for {
		path := fmt.Sprintf("/v1/streams/%s/events?limit=10000&from=%d", url.PathEscape(key), len(events))
		text := g.get(path)
		lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		if len(text) == 0 {
			return events
		}
		for _, line := range lines {
			events = append(events, string(line))
		}
	}
}

// Count of a stream, 0 where there is none.
func (g *Gateway) Count(key string) (count int) {
	g.t.Helper()
	var stream struct{ Count int }
	if err := json.Unmarshal(g.get("/v1/streams/"+url.PathEscape(key)), &stream); err != nil {
		g.t.Fatal(err)
	}
	return stream.Count
}

// Post stores events, and returns the status and the answer.
func (g *Gateway) Post(query, body string) (status int, answer string) {
	g.t.Helper()
	return g.do(http.MethodPost, "/v1/events?"+query, body)
}

// Delete removes a stream.
func (g *Gateway) Delete(key string) {
	g.t.Helper()
	if status, answer := g.do(http.MethodDelete, "/v1/streams/"+url.PathEscape(key), ""); status != http.StatusOK {
		g.t.Fatalf("delete %s: %d %s", key, status, answer)
	}
}

func (g *Gateway) get(path string) []byte {
	g.t.Helper()
	status, answer := g.do(http.MethodGet, path, "")
	if status != http.StatusOK && status != http.StatusNotFound {
		g.t.Fatalf("%s: %d %s", path, status, answer)
	}
	return []byte(answer)
}

func (g *Gateway) do(method, path, body string) (int, string) {
	g.t.Helper()
	request, err := http.NewRequest(method, g.URL+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if g.Token != "" {
		request.Header.Set("Authorization", "Bearer "+g.Token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

var listening = regexp.MustCompile(`listening on (\S+)`)

func (g *Gateway) run(port string) {
	g.t.Helper()
	node, bin := programs(g.t)
	args := append([]string{bin, "serve", "--store", g.store, "--port", port, "--grpc-port", "0"}, g.args...)
	command := exec.Command(node, args...)
	command.Dir = filepath.Dir(strings.TrimPrefix(g.store, "sqlite:"))
	command.Stderr = g.log
	out, err := command.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.command = command
	timer := time.AfterFunc(30*time.Second, func() { _ = command.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			g.URL = match[1]
			go io.Copy(io.Discard, out)
			return
		}
	}
	g.t.Fatalf("the gateway ended: %s", g.log)
}

// Root is the folder of the repository, with the Node of its own; the test is skipped where they are not there.
func Root(t testing.TB) (root, node string) {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	root = filepath.Join(filepath.Dir(file), "../../../..")
	node = filepath.Join(root, "node_modules/.bin/node")
	for _, path := range []string{node, filepath.Join(root, "bin/millrace.js")} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no gateway can be started here: %v", err)
		}
	}
	return root, node
}

func programs(t testing.TB) (node, bin string) {
	t.Helper()
	root, node := Root(t)
	return node, filepath.Join(root, "bin/millrace.js")
}

type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
