module millrace.test/bench

go 1.23

require github.com/millrace/millrace/clients/go v0.0.0

require github.com/coder/websocket v1.8.15

replace github.com/millrace/millrace/clients/go => ../../../../clients/go
