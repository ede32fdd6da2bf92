package link

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func answer(status int, header, body string) *http.Response {
	r := &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}}
	if header != "" {
		r.Header.Set("Retry-After", header)
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	return r
}

const stored = `"stream":"s","count":7,"accepted":1,"duplicates":2,"rejected":3,"errors":[]`

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   Kind
		code   string
	}{
		{200, `<html>`, Broken, Unreachable},
		{200, `7`, Broken, Unreachable},
		{200, `{"stream":"s"}`, Broken, Unreachable},
		{200, `{"stream":"s","count":-1}`, Broken, Unreachable},
		{200, `{"stream":"s","count":9007199254740992}`, Broken, Unreachable},
		{202, `{` + stored + `}`, Broken, Unreachable},
		{302, ``, Fatal, "http_302"},
		{400, `{"error":"bad_event",` + stored + `}`, Refused, "bad_event"},
		{400, `{"error":"too_deep",` + stored + `}`, Refused, "too_deep"},
		{400, `{"error":"bad_utf8",` + stored + `}`, Refused, "bad_utf8"},
		{400, `{"error":"incomplete_event",` + stored + `}`, Refused, "incomplete_event"},
		{413, `{"error":"event_too_large",` + stored + `}`, Refused, "event_too_large"},
		{413, `{"error":"body_too_large","stream":null,"count":0}`, TooBig, "body_too_large"},
		{413, `<html>`, TooBig, "http_413"},
		{400, `{"error":"bad_request"}`, Fatal, "bad_request"},
		{400, `{"error":"bad_encoding"}`, Fatal, "bad_encoding"},
		{401, `{"error":"unauthorized"}`, Fatal, "unauthorized"},
		{403, `<html>`, Fatal, "http_403"},
		{404, ``, Fatal, "http_404"},
		{405, ``, Fatal, "http_405"},
		{408, `{"error":"timeout"}`, Broken, "timeout"},
		{409, `{"error":"gap",` + stored + `}`, Broken, "gap"},
		{409, `{"error":"fenced",` + stored + `}`, Fatal, "fenced"},
		{415, `{"error":"unsupported_encoding"}`, Fatal, "unsupported_encoding"},
		{425, ``, Broken, "http_425"},
		{429, `{"error":"rate_limited"}`, Broken, "rate_limited"},
		{431, ``, Fatal, "http_431"},
		{500, `{"error":"internal"}`, Broken, "internal"},
		{501, `{"error":"not_supported"}`, Fatal, "not_supported"},
		{502, `<html>`, Broken, "http_502"},
		{503, `{"error":"store_busy"}`, Broken, "store_busy"},
		{504, ``, Broken, "http_504"},
		{507, `{"error":"disk_full"}`, Broken, "disk_full"},
	} {
		_, over := judge(answer(c.status, "", c.body))
		if over == nil || over.Kind != c.kind || over.Code != c.code {
			t.Errorf("%d %s: %+v, want kind %d, %s", c.status, c.body, over, c.kind, c.code)
		}
		if over != nil && over.Kind == Refused && (over.Position == nil || *over.Position != 7) {
			t.Errorf("%d %s: the refused position is %v", c.status, c.body, over.Position)
		}
	}
}

func TestAReplyIsAnAck(t *testing.T) {
	ack, over := judge(answer(200, "", `{`+stored+`}`))
	if over != nil || *ack != (Ack{7, 2, 3}) {
		t.Errorf("%v, %v", ack, over)
	}
}

func TestTheFirstErrorOfAReplySaysMost(t *testing.T) {
	body := `{"error":"bad_event","message":"1 bad","stream":"s","count":1,"errors":[{"message":"line 2: no JSON"}]}`
	if _, over := judge(answer(400, "", body)); over.Message != "line 2: no JSON" {
		t.Errorf("%+v", over)
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "-1": 0, "soon": 0} {
		if _, over := judge(answer(503, header, "")); over.RetryAfter != want {
			t.Errorf("%q: %v, want %v", header, over.RetryAfter, want)
		}
	}
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	if _, over := judge(answer(503, date, "")); over.RetryAfter < 58*time.Minute || over.RetryAfter > time.Hour {
		t.Errorf("%s: %v", date, over.RetryAfter)
	}
}
