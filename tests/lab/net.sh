# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's network: four namespaces, named after the run so that several runs can go at once.
#
#   site (bridge br0, DHCP server, the node)  --- edge (edgepxed's host)
#       |
#   router  --- cloud

lab_ns_name() {
	echo "$LAB_RUN_NAME-$1"
}

lab_ns_add() {
	local name
	name=$(lab_ns_name "$1")
	LAB_NAMESPACES+=("$name")
	ip netns add "$name" && ip -n "$name" link set lo up
}

# lab_in NAMESPACE COMMAND...
lab_in() {
	local ns=$1
	shift
	${LAB_EXEC-} ip netns exec "$(lab_ns_name "$ns")" "$@"
}

# As lab_in, and names are resolved by the site's DNS server, whatever the machine does outside. The
# files are bound over the machine's own in a mount namespace that ends with the command.
lab_in_with_dns() {
	local ns=$1
	shift
	echo "nameserver $LAB_DHCP_IP" >"$LAB_RUN/resolv.conf"
	echo "hosts: files dns" >"$LAB_RUN/nsswitch.conf"
	# shellcheck disable=SC2016  # expanded by the inner shell
	lab_in "$ns" unshare --mount sh -c '
		mount --bind "$0/resolv.conf" "$(readlink -f /etc/resolv.conf)" &&
			mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf || exit
		exec "$@"' "$LAB_RUN" "$@"
}

# lab_link NS INTERFACE PEER_NS PEER_INTERFACE: a cable between two namespaces.
lab_link() {
	ip link add "$2" netns "$(lab_ns_name "$1")" type veth \
		peer name "$4" netns "$(lab_ns_name "$3")" &&
		lab_in "$1" ip link set "$2" up && lab_in "$3" ip link set "$4" up
}

lab_net_up() {
	local ns
	for ns in site edge router cloud; do
		lab_ns_add "$ns" || return 1
	done
	lab_in site ip link add br0 type bridge forward_delay 0 &&
		lab_in site ip link set br0 up &&
		lab_link site edge0 edge lan0 &&
		lab_link site router0 router lan0 &&
		lab_link router wan0 cloud wan0 &&
		lab_in site ip link set edge0 master br0 &&
		lab_in site ip link set router0 master br0 || return 1

	lab_in site ip addr add "$LAB_DHCP_IP/24" dev br0 &&
		lab_in edge ip addr add "$LAB_EDGE_IP/24" dev lan0 &&
		lab_in edge ip route add default via "$LAB_ROUTER_IP" &&
		lab_in router ip addr add "$LAB_ROUTER_IP/24" dev lan0 &&
		lab_in router ip addr add "$LAB_ROUTER_WAN_IP/24" dev wan0 &&
		lab_in router sysctl -q -w net.ipv4.ip_forward=1 &&
		lab_in cloud ip addr add "$LAB_CLOUD_IP/24" dev wan0 &&
		lab_in cloud ip route add default via "$LAB_ROUTER_WAN_IP"
}

# lab_net_add_tap INTERFACE [BRIDGE]: a tap on a bridge of the site, for a machine.
lab_net_add_tap() {
	lab_in site ip tuntap add dev "$1" mode tap &&
		lab_in site ip link set "$1" master "${2:-br0}" &&
		lab_in site ip link set "$1" up
}

# A host of its own on the site's LAN, for a client that is no machine: namespace NAME, interface lan0.
lab_net_add_host() {
	local name=$1 mac=$2 address=$3
	lab_ns_add "$name" && lab_link site "$name" "$name" lan0 &&
		lab_in site ip link set "$name" master br0 &&
		lab_in "$name" ip link set lan0 address "$mac" &&
		lab_in "$name" ip addr add "$address/24" dev lan0 &&
		lab_in "$name" ip route add default via "$LAB_ROUTER_IP"
}
