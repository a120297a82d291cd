#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The TFTP server against tftp-hpa, atftp and curl, and against clients that misbehave: two network
# namespaces, a cable of MTU 1400 between them.
set -eu

: "${srcdir:?}" "${builddir:?}"
for tool in tftp atftp curl ip sbsign openssl python3; do
	if ! command -v "$tool" >/dev/null; then
		echo "$tool is not installed"
		exit 77
	fi
done
if [ "$(id -u)" != 0 ]; then
	echo "needs root, for network namespaces"
	exit 77
fi

serve=$builddir/tests/system/tftp_serve
peer=(python3 "$srcdir/tests/system/tftp_peer.py")
work=$(mktemp -d)
site=tftp-$$-site node=tftp-$$-node
server_pid=
n_checks=0

cleanup() {
	[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
	ip netns del "$site" 2>/dev/null || true
	ip netns del "$node" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

fail() {
	echo "FAILED: $*"
	echo "--- the server's log:"
	tail -n 30 "$work/log"
	exit 1
}

check() { # WHAT CONDITION...
	local what=$1
	shift
	"$@" || fail "$what"
	n_checks=$((n_checks + 1))
}

on_node() { ip netns exec "$node" timeout 60 "$@"; }

# A signed image of some 1.2 MB, and scripts of every size that is an edge of a block.
make_files() {
	cd "$work"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout db.key -out db.crt -days 30 \
		-subj /CN=db 2>/dev/null
	python3 "$srcdir/tests/data/make-pe.py" plain.efi x64 tail=1200000
	sbsign --key db.key --cert db.crt plain.efi --output signed_ipxe.efi 2>/dev/null
	openssl x509 -in db.crt -outform DER -out db.der
	for size in 7 511 512 513 1024 65536; do
		{ printf '#!ipxe\n'; head -c 65536 /dev/urandom; } | head -c $size >"script-$size"
	done
}

make_network() {
	ip netns add "$site"
	ip netns add "$node"
	ip -n "$site" link set lo up
	ip -n "$site" link add eth0 mtu 1400 type veth peer name eth0 netns "$node" mtu 1400
	ip -n "$site" addr add 10.77.0.1/24 dev eth0
	ip -n "$site" addr add 10.77.0.9/24 dev eth0
	ip -n "$node" addr add 10.77.0.20/24 dev eth0
	ip -n "$site" link set eth0 up
	ip -n "$node" link set eth0 up
	ip -n "$node" link set lo up
}

start_server() { # OPTION...
	: >"$work/log"
	ip netns exec "$site" "$serve" "$@" "$work/db.der" signed_ipxe.efi="$work/signed_ipxe.efi" \
		"${scripts[@]}" 2>"$work/log" &
	server_pid=$!
	wait_for_line ready 50
}

# The server ends by itself when it is asked to and nothing is in flight.
stop_server() {
	kill "$server_pid"
	wait "$server_pid" || fail "the server ended with status $?"
	server_pid=
}

wait_for_line() { # TEXT TENTHS
	for _ in $(seq "$2"); do
		grep -q -- "$1" "$work/log" && return 0
		sleep 0.1
	done
	fail "no line \"$1\""
}

same() { cmp -s "$work/$1" "$work/got" && rm "$work/got"; }

get_tftp() { on_node tftp -m binary 10.77.0.1 -c get "$1" "$work/got"; }

get_atftp() { # FILE OPTION...
	local file=$1 options=()
	shift
	for option in "$@"; do
		options+=(--option "$option")
	done
	on_node atftp "${options[@]}" -g -r "$file" -l "$work/got" 10.77.0.1
}

get_curl() { on_node curl -s --connect-timeout 5 -o "$work/got" "${@:2}" "tftp://${host:-10.77.0.1}/$1"; }

real_clients() {
	local size
	get_tftp signed_ipxe.efi
	check "tftp-hpa" same signed_ipxe.efi
	for size in 7 511 512 513 1024 65536; do
		get_tftp "script-$size"
		check "tftp-hpa, $size octets" same "script-$size"
		get_atftp "script-$size" "blksize 512" "windowsize 4"
		check "atftp, $size octets" same "script-$size"
		get_curl "script-$size" --tftp-blksize 512
		check "curl, $size octets" same "script-$size"
	done
	get_atftp signed_ipxe.efi "tsize 0" "blksize 1024"
	check "atftp with blksize and tsize" same signed_ipxe.efi
	get_atftp signed_ipxe.efi "blksize 1024" "windowsize 16"
	check "atftp with a window" same signed_ipxe.efi
	check "a window of 16" grep -q "blksize=1024 windowsize=16 .*outcome=\"complete\"" "$work/log"
	get_atftp signed_ipxe.efi "blksize 8192" "timeout 2"
	check "atftp with a large blksize" same signed_ipxe.efi
	check "blksize no larger than the MTU allows" grep -q "blksize=1368 windowsize=1 " "$work/log"
	get_curl signed_ipxe.efi --tftp-blksize 1300
	check "curl" same signed_ipxe.efi
	get_curl '\SIGNED_IPXE.EFI'
	check "a name with backslash and in capitals" same signed_ipxe.efi
	host=10.77.0.9 get_curl signed_ipxe.efi
	check "the second address answers as itself" same signed_ipxe.efi
}

refusals() {
	on_node tftp -m binary 10.77.0.1 -c get ../../etc/passwd "$work/got" >"$work/said" 2>&1 || true
	check "not found, in words" grep -q "file not found" "$work/said"
	check "refused in the log" grep -q 'tftp-refused .*file="../../etc/passwd"' "$work/log"
	on_node tftp -m ascii 10.77.0.1 -c get signed_ipxe.efi "$work/got" >"$work/said" 2>&1 || true
	check "netascii" grep -q "only mode octet" "$work/said"
	on_node tftp -m binary 10.77.0.1 -c put "$work/db.crt" signed_ipxe.efi >"$work/said" 2>&1 || true
	check "nothing is written" grep -q "nothing can be written here" "$work/said"
	rm -f "$work/got"
}

# A hostile client fills neither the log nor the cable.
rationed() {
	local answers
	answers=$(on_node "${peer[@]}" 10.77.0.1 bogus 300)
	check "not all errors are answered: $answers" [ "$answers" -lt 60 ]
	check "but many are: $answers" [ "$answers" -ge 10 ]
	check "so is the log" [ "$(grep -c 'file="nothing"' "$work/log")" -lt 60 ]
	sleep 1.2
	on_node "${peer[@]}" 10.77.0.1 bogus 1 >/dev/null
	check "which says what it left out" grep -q 'file="nothing" .*suppressed=' "$work/log"
}

fifty_at_once() {
	local i pids=()
	for i in $(seq 50); do
		on_node curl -s --connect-timeout 10 --tftp-blksize 1300 -o "$work/got-$i" \
			"tftp://10.77.0.1/signed_ipxe.efi" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "one of fifty failed"
	done
	for i in $(seq 50); do
		cmp -s "$work/signed_ipxe.efi" "$work/got-$i" || fail "other octets at $i of fifty"
		rm "$work/got-$i"
	done
	n_checks=$((n_checks + 1))
}

odd_clients() {
	check "EDK2's size probe" [ "$(on_node "${peer[@]}" 10.77.0.1 probe)" = "$(stat -c %s "$work/signed_ipxe.efi")" ]
	wait_for_line 'outcome="size probe"' 20
	check "no datagram is longer than the MTU allows" [ "$(on_node "${peer[@]}" 10.77.0.1 longest)" = 1372 ]
	on_node "${peer[@]}" 10.77.0.1 leave >/dev/null
	wait_for_line 'outcome="the client is gone, port unreachable"' 20
	check "three packets for him who is silent" [ "$(on_node "${peer[@]}" 10.77.0.1 vanish 8)" = 3 ]
	wait_for_line 'outcome="timed out, the client fell silent"' 20
}

make_files
scripts=()
for file in "$work"/script-*; do
	scripts+=("${file##*/}=$file")
done
make_network

start_server
real_clients
refusals
rationed
fifty_at_once
odd_clients
stop_server

start_server -s
get_atftp signed_ipxe.efi "blksize 1024" "windowsize 4"
check "atftp, single port" same signed_ipxe.efi
get_curl signed_ipxe.efi
check "curl, single port" same signed_ipxe.efi
get_tftp signed_ipxe.efi
check "tftp-hpa, single port" same signed_ipxe.efi
check "all from port 69" [ "$(on_node "${peer[@]}" 10.77.0.1 ports 3)" = "69 69 69" ]
fifty_at_once
stop_server

start_server -p 40000-40002
check "ports of the range" [ "$(on_node "${peer[@]}" 10.77.0.1 ports 3)" = "40000 40001 40002" ]
stop_server

start_server -c 8 -m 6
check "busy when full" [ "$(on_node "${peer[@]}" 10.77.0.1 flood 10)" = 4 ]
check "and says so" grep -q 'tftp-refused .*reason="too many transfers"' "$work/log"
stop_server

start_server -c 8
check "eight for one client" [ "$(on_node "${peer[@]}" 10.77.0.1 flood 10)" = 2 ]
stop_server

echo "$n_checks checks: tftp-hpa, atftp, curl, single port, port range, fifty at once, caps"
