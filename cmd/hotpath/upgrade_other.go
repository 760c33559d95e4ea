//go:build !unix

package main

import (
	"context"
	"os"
)

// upgradeSignal is nil: sockets can only be handed over on Unix.
var upgradeSignal os.Signal

func (v *service) upgrade(context.Context) {}
