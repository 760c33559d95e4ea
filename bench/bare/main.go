// Command bare is the ceiling that bench/peers/serve_compare.py holds the server against: fasthttp with its defaults and
// a handler that looks at nothing and answers what /predict answers.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("bare serves at http://" + l.Addr().String())
	answer := []byte("{\"prediction\": [0.12345678]}\n")
	return fasthttp.Serve(l, func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(answer)
	})
}
