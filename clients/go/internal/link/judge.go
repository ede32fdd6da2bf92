package link

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// replyMost bytes of an answer are read: the gateway names at most 100 errors.
const replyMost = 1 << 20

type reply struct {
	Stream     *string
	Count      *uint64
	Duplicates uint64
	Rejected   uint64
	Error      string
	Message    string
	Errors     []struct{ Code, Message string }
}

// judge says what an answer means: PROTOCOL.md, 3.4 and 5.6. The reply is nil where the gateway told no count.
func judge(response *http.Response) (*Ack, *Over) {
	text, err := io.ReadAll(io.LimitReader(response.Body, replyMost))
	if err != nil {
		return nil, broken("read the answer", err)
	}
	var r reply
	if json.Unmarshal(text, &r) != nil {
		r = reply{} // of something else than a gateway
	}
	var ack *Ack
	if r.Stream != nil && r.Count != nil && *r.Count <= maxCount {
		ack = &Ack{*r.Count, r.Duplicates, r.Rejected}
	}
	wait := retryAfter(response.Header.Get("Retry-After"))
	status := response.StatusCode
	if status < 300 {
		if ack != nil && status == http.StatusOK {
			return ack, nil
		}
		over := broken("the answer is not one of a Millrace gateway", nil)
		over.RetryAfter = wait
		return nil, over
	}
	over := &Over{Kind: meaning(r.Error, status), Code: r.Error, Message: r.Message, RetryAfter: wait}
	if r.Error == "" {
		over.Code = fmt.Sprintf("http_%d", status)
		over.Message = "the answer has the status " + response.Status
	}
	if len(r.Errors) > 0 {
		over.Message = r.Errors[0].Message
	}
	if over.Kind == Refused && ack != nil {
		over.Position = &ack.Count
	}
	return ack, over
}

// retryAfter is a number of seconds, or a date (RFC 9110, section 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}
