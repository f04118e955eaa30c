package cluster

import (
	"net/netip"
	"testing"
)

func TestOutgoing(t *testing.T) {
	for _, tt := range []struct {
		text string
		yes  []string
		no   []string
	}{
		{"", []string{"127.0.0.1", "10.1.2.3", "8.8.8.8", "::1", "2001:db8::1", "169.253.255.255"}, []string{"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"}},
		{"none", nil, []string{"127.0.0.1", "::1", "8.8.8.8"}},
		{"10.0.0.0/8, ::1/128", []string{"10.255.0.1", "::1"}, []string{"11.0.0.1", "127.0.0.1", "::2"}},
		{"192.168.1.7", []string{"192.168.1.7"}, []string{"192.168.1.8"}},
		{"10.1.2.3/8", []string{"10.9.9.9"}, []string{"9.9.9.9"}},
		{"169.254.0.0/16,0.0.0.0/0", []string{"169.254.169.254", "1.2.3.4"}, []string{"::1"}},
	} {
		f, err := Outgoing(tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, a := range tt.yes {
			if !f(netip.MustParseAddr(a)) {
				t.Errorf("%q refuses %s", tt.text, a)
			}
		}
		for _, a := range tt.no {
			if f(netip.MustParseAddr(a)) {
				t.Errorf("%q allows %s", tt.text, a)
			}
		}
	}
	for _, bad := range []string{"all", "10.0.0.0/33", "10.0.0", "none, 10.0.0.0/8", ",", "host.example", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, err := Outgoing(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
