# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The site's own DHCP and DNS server: dnsmasq that leases addresses and knows nothing of PXE. The
# node has a fixed address: without ARP probing dnsmasq can offer one address to two clients.

lab_site_start() {
	lab_need dnsmasq
	cat >"$LAB_RUN/dnsmasq.conf" <<-CONF
		no-daemon
		no-resolv
		no-hosts
		no-ping
		log-dhcp
		user=root
		bind-interfaces
		interface=br0
		except-interface=lo
		pid-file
		dhcp-leasefile=$LAB_RUN/dnsmasq.leases
		dhcp-authoritative
		dhcp-range=10.77.0.50,10.77.0.99,255.255.255.0,10m
		dhcp-option=option:router,$LAB_ROUTER_IP
		dhcp-option=option:dns-server,$LAB_DHCP_IP
		dhcp-host=$LAB_NODE_MAC,$LAB_NODE_IP
		address=/$LAB_CLOUD_DOMAIN/$LAB_CLOUD_IP
	CONF
	lab_background "$LAB_RUN/dnsmasq.log" lab_in site dnsmasq --conf-file="$LAB_RUN/dnsmasq.conf"
	lab_wait_for 5 grep -q 'DHCP, IP range' "$LAB_RUN/dnsmasq.log" ||
		lab_die "the site's DHCP server did not start: $(tail -n 3 "$LAB_RUN/dnsmasq.log")"
}
