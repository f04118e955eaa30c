package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// refused are addresses that a database is never at, and a machine's secrets may be: link-local ones, where cloud machines find
// their metadata, and Amazon's in IPv6.
var refused = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("fd00:ec2::254/128"),
}

// outgoingNone allows no connection to other hosts.
const outgoingNone = "none"

// Outgoing reads which networks a server may reach, such as "10.0.0.0/8, ::1/128"; "none" are none, and "" all but refused
// ones.
func Outgoing(text string) (func(netip.Addr) bool, error) {
	if text == "" {
		return func(a netip.Addr) bool { return !contain(refused, a) }, nil
	}
	if text == outgoingNone {
		return func(netip.Addr) bool { return false }, nil
	}
	var allowed []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		p, err := netip.ParsePrefix(part)
		if err != nil {
			a, err := netip.ParseAddr(part)
			if err != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is neither a network nor an address", part)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, errors.New("write addresses of IPv4 as such")
		}
		allowed = append(allowed, p.Masked())
	}
	return func(a netip.Addr) bool { return contain(allowed, a) }, nil
}

func contain(networks []netip.Prefix, a netip.Addr) bool {
	a = a.WithZone("")
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
