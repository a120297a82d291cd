#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who is answered, and from which address: several addresses on an interface, a /31 and a /32, clients behind a
# router, an address that is translated on the way, the host itself, tunnels, and more links than there is room for.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/appliance.sh"

# asked NAMESPACE ADDRESS: "SOURCE SIADDR" of what port 4011 there says; "" for silence.
asked() {
	lab_in "$1" timeout 5 python3 "$PEER" boot-server "$2"
}

# expect_answer NAMESPACE ADDRESS EXPECTED DESCRIPTION
expect_answer() {
	local answer
	answer=$(asked "$1" "$2")
	[ "$answer" = "$3" ]
	tap_ok $? "$4${answer:+ ($answer)}"
}

reload() {
	forget_log
	kill -HUP "$DAEMON"
	lab_wait_for 5 logged '^(<.>)?reloaded ' || tap_ok 1 "a reload"
}

ready() {
	address_add 10.77.0.3
	lab_cloud_start "$KEYS" && publish
	write_config
	daemon_start
	expect_log 30 '^(<.>)?ready ' "it is ready"
}

several_addresses() {
	lab_in edge ip addr add 10.77.0.9/24 dev lan0
	lab_in edge ip addr add 10.79.0.1/24 dev lan0
	lab_wait_for 5 logged 'interfaces served' # of the last one, too:
	expect_offer client 10.77.0.3 "of two addresses in a subnet the first is offered"
	expect_answer client 10.77.0.9 "10.77.0.9 10.77.0.9" "the second one answers where it is asked"
	expect_file client 10.77.0.9 "and serves from there"
	lab_in client ip addr flush dev lan0
	lab_in client ip addr add 10.79.0.70/24 dev lan0
	expect_offer client 10.79.0.1 "a client in another subnet sees the address in its own"
	lab_in client ip addr flush dev lan0
	lab_in client ip addr add 10.77.0.70/24 dev lan0
	lab_in client ip route add default via "$LAB_ROUTER_IP"
}

narrow_links() {
	lab_ns_add pair && lab_link edge lan2 pair lan0 &&
		lab_in pair ip addr add 10.81.0.1/31 dev lan0 && lab_in edge ip addr add 10.81.0.0/31 dev lan2
	expect_log 5 'lan2\(10\.81\.0\.0\)' "a /31 is served"
	expect_offer pair 10.81.0.0 "its other end gets an offer"
	expect_file pair 10.81.0.0 "and the file"

	lab_ns_add single && lab_link edge lan3 single lan0 &&
		lab_in single ip addr add 10.82.0.2/32 dev lan0 && lab_in single ip route add 10.82.0.1 dev lan0 &&
		lab_in edge ip addr add 10.82.0.1/32 dev lan3 && lab_in edge ip route add 10.82.0.2 dev lan3
	expect_log 5 'lan3\(10\.82\.0\.1\)' "a /32 is served"
	expect_answer single 10.82.0.1 "" "but nobody is in its subnet"
	expect_log 5 '10\.82\.0\.2:.*subnet' "which it says"
	CLIENTS=10.82.0.2 write_config
	reload
	expect_answer single 10.82.0.1 "10.82.0.1 10.82.0.1" "but clients that the operator lists are answered"
	expect_file single 10.82.0.1 "and served"
}

behind_a_router() {
	write_config
	reload
	expect_answer cloud 10.77.0.3 "" "a client behind a router is not answered"
	! lab_in cloud curl -sS -m 3 -o /dev/null tftp://10.77.0.3/ipxe.efi 2>/dev/null
	tap_ok $? "nor served"
	CLIENTS=198.51.100.0/24 write_config
	reload
	expect_answer cloud 10.77.0.3 "10.77.0.3 10.77.0.3" "until its subnet is listed"
	expect_file cloud 10.77.0.3 "and it is served"
}

translated() {
	ADDRESS=192.0.2.1 write_config
	reload
	[ "$(offered client)" = "10.77.0.3 192.0.2.1" ]
	tap_ok $? "a configured address is told, and the answer leaves from one of ours"
	expect_file client 10.77.0.3 "TFTP answers from where it was asked"
	ADDRESS=10.77.0.9 write_config
	reload
	expect_offer client 10.77.0.9 "one that is ours is the source, too"
	write_config
	reload
}

the_host_itself() {
	expect_file edge 10.77.0.3 "the host itself fetches from its own address"
	expect_answer edge 10.77.0.3 "10.77.0.3 10.77.0.3" "and asks port 4011"
	! lab_in edge curl -sS -m 2 -o /dev/null tftp://127.0.0.1/ipxe.efi 2>/dev/null
	tap_ok $? "but loopback is not served"
	forget_log
	INTERFACES='*' write_config
	lab_in edge ip tuntap add dev tun0 mode tun && lab_in edge ip addr add 10.83.0.1/24 dev tun0
	lab_in edge ip link set tun0 up
	reload
	lab_in edge ip addr add 10.77.0.10/24 dev lan0
	expect_log 5 'interfaces served=' "everything that matches * is served"
	! logged 'tun0|lo\('
	tap_ok $? "but neither tunnel nor loopback"
	INTERFACES='lan* lo' write_config
	reload
	expect_file edge 127.0.0.1 "loopback is served when it is named"
}

too_many_links() {
	write_config
	reload
	forget_log
	for n in $(seq 140); do
		echo "link add many$n type veth peer name more$n"
	done | lab_in edge ip -batch -
	expect_log 10 'interfaces too-many=yes' "more links than there is room for: it says so"
	expect_offer client 10.77.0.3 "and goes on"
	for n in $(seq 140); do
		echo "link del many$n"
	done | lab_in edge ip -batch -
	expect_offer client 10.77.0.3 "and so when they are gone"
}

main() {
	preconditions
	world_up
	ready
	several_addresses
	narrow_links
	behind_a_router
	translated
	the_host_itself
	too_many_links
	daemon_stop
	tap_ok $? "it ends with status 0"
	tap_done
}

main
