#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# `edgepxe probe` against servers that are not ours: dnsmasq as the site's DHCP server, as proxyDHCP
# and as TFTP server, and a small peer that errs on demand. Each case has its exit status and a
# word that the report must say. Afterwards no lease was taken, nor even asked for.
set -u

: "${srcdir:?}" "${builddir:?}"
. "$srcdir/tests/system/lan.sh"

# start_proxy IMAGE: served as signed_ipxe.efi.
start_proxy() {
	mkdir -p "$work/tftp"
	cp "$1" "$work/tftp/signed_ipxe.efi"
	start_dnsmasq proxy --interface=lan0 --bind-interfaces --enable-tftp \
		--tftp-root="$work/tftp" --dhcp-range=10.77.0.0,proxy \
		--pxe-service=x86-64_EFI,boot,signed_ipxe.efi
}

start_tftp() {
	mkdir -p "$work/tftp"
	cp "$2" "$work/tftp/boot.efi"
	start_dnsmasq "$1" --interface=lan0 --bind-interfaces --enable-tftp \
		--tftp-root="$work/tftp"
}

lay_cables || exit 1

case="all is well"
start_site
start_proxy "$images/signed.efi"
expect 0 "^boots after"

case="all is well, in JSON, and kept"
start_site
start_proxy "$images/signed.efi"
in_ns node "$probe" probe --json --db-cert "$images/db.pem" --output "$work/kept" \
	>"$work/report" 2>&1
got=$?
cp "$work/report" "$work/object"
if python3 - "$work/object" <<'PYTHON' >>"$work/report" 2>&1
import json, sys
o = json.load(open(sys.argv[1]))
assert o["boots"] is True and o["arch"] == "x64-uefi" and o["interface"] == "lan0"
assert {x["kind"] for x in o["offers"]} == {"dhcp", "proxy-binl"}
assert o["transfer"]["server"] == "10.77.0.3" and o["transfer"]["name"] == "signed_ipxe.efi"
assert [s["step"] for s in o["steps"] if s["step"] != "offer"] == [
    "interface", "discover", "merge", "boot-server", "size", "download", "image", "signature"]
assert all(s["outcome"] == "ok" and s["ms"] >= 0 for s in o["steps"])
assert len(o["image"]["sha256"]) == 64
PYTHON
then
	cmp "$work/kept" "$images/signed.efi" && echo "json good" >>"$work/report"
fi
judge 0 "json good" "$got"

case="no proxy"
start_site
expect 1 "no PXE server does"

case="no DHCP server"
start_proxy "$images/signed.efi"
expect 1 "no DHCP server offers an address"

case="nobody"
expect 1 "nobody answers"

case="signed by another key"
start_site
start_proxy "$images/signed-foreign.efi"
expect 1 "FAILED.*not the db certificate"

case="unsigned"
start_site
start_proxy "$images/unsigned.efi"
expect 1 "FAILED.*no signature\|FAILED.*unsigned"

case="changed"
start_site
start_proxy "$images/changed-code.efi"
expect 1 "FAILED.*changed"

case="truncated"
start_site
head -c 1500 "$images/signed.efi" >"$work/truncated.efi"
start_proxy "$work/truncated.efi"
expect 1 "image.*FAILED.*truncated"

case="for another machine"
start_site
start_proxy "$images/signed-arm64.efi"
expect 1 "the boot file is for arm64"

case="direct form"
start_site
start_tftp rival "$images/signed.efi"
start_peer direct boot.efi
expect 0 "straight to TFTP"

case="a rival that firmware prefers, with another image"
start_site
start_proxy "$images/signed.efi"
start_tftp rival "$images/signed-foreign.efi"
start_peer direct boot.efi
expect 1 "2 PXE servers answer"

case="4011 is silent"
start_site
start_peer binl boot.efi 4011
expect 1 "10.77.0.4:4011 is silent"

case="4011 is closed"
start_site
start_peer binl boot.efi
expect 1 "10.77.0.4:4011: nobody listens there"

case="one that is silent on 4011 beside one that is not"
start_site
start_peer binl boot.efi 4011
start_proxy "$images/signed.efi"
expect 0 "2 PXE servers answer"

case="offers from another port"
start_site
start_peer port boot.efi
expect 1 "ignored by firmware.*does not come from port 67"

case="offers without a class"
start_site
start_peer class boot.efi
expect 1 "ignored by firmware.*option 60"

case="the site says PXEClient itself"
start_site --dhcp-option-force=60,PXEClient
start_proxy "$images/signed.efi"
expect 1 "10.77.0.2:4011: nobody listens there"

case="the site lacks router and DNS"
start_dnsmasq site --interface=br0 --bind-interfaces --dhcp-range=10.77.0.100,10.77.0.200 \
	--dhcp-leasefile="$work/leases" --dhcp-option=3 --dhcp-option=6 --no-ping
start_proxy "$images/signed.efi"
expect 0 "offers no DNS server"

case="no file there"
start_site
start_tftp rival "$images/signed.efi"
start_peer direct gone.efi
expect 1 "the server refuses: error 1"

case="no TFTP there"
start_site
start_peer direct boot.efi
expect 1 "size *FAILED *nobody listens there"

case="TFTP is silent, within the time allowed"
start_site
start_peer direct boot.efi 69
expect 1 "the server is silent" --timeout 3

case="no certificate"
start_site
start_proxy "$images/signed.efi"
in_ns node "$probe" probe >"$work/report" 2>&1
judge 1 "no db certificate is at hand" $?

case="the configuration's certificate"
start_site
start_proxy "$images/signed.efi"
printf '[orchestrator]\nurl = https://example.com/\ndb-cert = %s\n' \
	"$(realpath "$images/db.pem")" >"$work/edgepxe.conf"
in_ns node "$probe" probe --config "$work/edgepxe.conf" >"$work/report" 2>&1
judge 0 "^boots" $?

case="the state directory's certificate"
start_site
start_proxy "$images/signed.efi"
mkdir -p "$work/state/generation.1"
ln -s generation.1 "$work/state/current"
cp "$images/db.der" "$work/state/generation.1/db.der"
printf '[orchestrator]\nurl = https://example.com/\n[paths]\nstate-dir = %s\n' "$work/state" \
	>"$work/edgepxe.conf"
in_ns node "$probe" probe --config "$work/edgepxe.conf" >"$work/report" 2>&1
judge 0 "^boots" $?

case="which interface"
ip -n "$run-node" link add spare0 type veth peer name spare1
ip -n "$run-node" addr add 10.78.0.1/24 dev spare0
ip -n "$run-node" link set spare0 up
ip -n "$run-node" link set spare1 up
# The kernel tells of a link that has come up a moment later.
for _ in $(seq 50); do
	ip -n "$run-node" -o link show dev spare0 | grep -q 'state UP' && break
	sleep 0.1
done
in_ns node "$probe" probe >"$work/report" 2>&1
judge 2 "lan0, spare0" $?

case="no such interface"
in_ns node "$probe" probe --interface lan7 >"$work/report" 2>&1
judge 2 "lan7 is not there" $?

case="no such architecture"
in_ns node "$probe" probe --arch x64 >"$work/report" 2>&1
judge 2 "no architecture 'x64'" $?

case="a certificate that is none"
in_ns node "$probe" probe --interface lan0 --db-cert "$images/signed.efi" >"$work/report" 2>&1
judge 2 "not an X.509 certificate" $?

case="an unknown command"
"$probe" prob >"$work/report" 2>&1
judge 2 "no command 'prob'" $?

echo "$n_passed cases as expected, $n_failed not"
[ "$n_failed" = 0 ]
