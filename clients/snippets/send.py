"""Sends a file of one JSON value a line, each exactly once. Run again it goes on where it stopped.

usage: send.py FILE STREAM [URL]     MILLRACE_TOKEN in the environment where one is needed
"""
import http.client, itertools, json, os, random, sys, time
from urllib.parse import quote, urlsplit

AGAIN = {408, 425, 429, 500, 502, 503, 504, 507}


def ask(url, method, path, body=None):
    """Asks until there is an answer: its status, headers and text."""
    server = urlsplit(url)
    connect = http.client.HTTPSConnection if server.scheme == "https" else http.client.HTTPConnection
    token = os.environ.get("MILLRACE_TOKEN")
    wait = 0.1
    while True:
        least = 0
        connection = connect(server.netloc, timeout=60)
        try:
            connection.request(method, server.path + path, body, {"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status not in AGAIN:
                return answer.status, answer.headers, text
            after = answer.headers.get("Retry-After", "")
            least = int(after) if after.isdigit() else 0
        except (OSError, http.client.HTTPException):
            pass  # the outcome is unknown: with its offset the body can be sent again
        finally:
            connection.close()
        time.sleep(max(least, wait * random.uniform(0.5, 1)))
        wait = min(2 * wait, 30)


def send(lines, stream, url="http://127.0.0.1:4318"):
    """Stores `lines`, JSON texts that are the same ones at every start, exactly once; returns how many there are."""
    key = quote(stream, safe="")
    status, headers, _ = ask(url, "HEAD", f"/v1/streams/{key}")
    if status not in (200, 404):
        raise RuntimeError(f"status {status}")
    count = int(headers["Millrace-Count"]) if status == 200 else 0
    rest = itertools.islice(lines, count, None)
    while batch := list(itertools.islice(rest, 1000)):
        body = "\n".join(batch).encode()
        status, _, text = ask(url, "POST", f"/v1/events?stream={key}&offset={count}", body)
        if status != 200:
            raise RuntimeError(text)
        count += len(batch)
        if json.loads(text)["count"] != count:
            raise RuntimeError(f"another producer writes to {stream}")
    return count


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(send((line.strip() for line in file if line.strip()), *sys.argv[2:]), "events are stored")
