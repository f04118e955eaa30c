package main

import (
	"net"
	"os"
)

// notifyReady tells systemd that the service is ready, if it asked to be told (sd_notify(3)). Nothing depends on
// its success but systemd's own patience.
func notifyReady() {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte("READY=1"))
}
