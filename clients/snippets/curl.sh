#!/bin/sh
# Stores each event once, however often it is run: the offset tells where in the stream the body begins.
# usage: curl.sh STREAM [URL]
stream=$1 url=${2:-http://127.0.0.1:4318}
curl -sS --retry 10 --retry-connrefused "$url/v1/events?stream=$stream&offset=0" --data-binary @- <<END
{"n":0,"text":"first"}
{"n":1,"text":"second"}
END
# how many the stream has: where the next body begins
curl -sS --head "$url/v1/streams/$stream"
