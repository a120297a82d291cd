#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# `edgepxe probe` against edgepxed as it is installed, with the orchestrator out of reach: the last
# good image is served to whom it fits, to other hosts and to the appliance itself, in both forms of
# the offer, and with nothing verified nobody is answered.
set -u

: "${srcdir:?}" "${builddir:?}"
. "$srcdir/tests/system/lan.sh"

mkdir -p "$work/etc"
cp "$images/db.der" "$work/etc"

# A stored generation as the refresher leaves one.
store() {
	mkdir -p "$work/state/generation.1"
	ln -sfn generation.1 "$work/state/current"
	cp "$1" "$work/state/generation.1/signed_ipxe.efi"
	cp "$images/db.der" "$work/state/generation.1/db.der"
	: >"$work/state/generation.1/ca.crt"
}

# configure [LINE...]
configure() {
	printf '%s\n' '[orchestrator]' 'url = https://orchestrator.invalid/tink-stack/' \
		'[process]' 'user = root' 'log-level = debug' '[paths]' "state-dir = $work/state" \
		"$@" >"$work/etc/edgepxe.conf"
}

# start_edgepxed [PATTERN]: on the appliance, which is the host "proxy", 10.77.0.3.
start_edgepxed() {
	start proxy edgepxed.log "${1:-ready}" "$builddir/edgepxed" --foreground \
		--config "$work/etc/edgepxe.conf"
}

# The appliance goes by its own configuration.
expect_at_home() {
	local got
	in_ns proxy "$probe" probe --config "$work/etc/edgepxe.conf" --wait 1 --timeout 20 \
		>"$work/report" 2>&1
	got=$?
	judge "$1" "$2" "$got"
}

lay_cables || exit 1
store "$images/signed.efi"
configure

case="another host"
start_site
start_edgepxed
expect 0 "boot-server *ok *10.77.0.3:4011"

case="x64 by its other number"
start_site
start_edgepxed
expect 0 "^boots" --arch ebc

case="the appliance itself"
start_site
start_edgepxed
expect_at_home 0 "boot-server *ok *10.77.0.3:4011"

for arch in ia32-uefi arm64-uefi bios x64-uefi-http; do
	case="silence for $arch"
	start_site
	start_edgepxed
	expect 1 "no PXE server does for $arch" --arch "$arch" --timeout 2
done

case="a rival in the same form"
start_site
start_edgepxed
start_peer binl boot.efi
expect 0 "2 PXE servers answer"

case="direct form"
configure '[boot]' 'uefi-form = direct'
start_site
start_edgepxed
expect 0 "10.77.0.3, straight to TFTP"

case="direct form, the appliance itself"
start_site
start_edgepxed
expect_at_home 0 "10.77.0.3, straight to TFTP"

case="one port for all of TFTP"
configure '[tftp]' 'single-port = yes'
start_site
start_edgepxed
expect 0 "^boots"

case="a megabyte in windows"
if command -v openssl >/dev/null && command -v sbsign >/dev/null; then
	python3 "$srcdir/tests/data/make-pe.py" "$work/large.efi" x64 tail=1000000
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=probe test" \
		-keyout "$work/db.key" -out "$work/db.pem" 2>/dev/null
	openssl x509 -in "$work/db.pem" -outform DER -out "$work/db.der"
	sbsign --key "$work/db.key" --cert "$work/db.pem" --output "$work/large-signed.efi" \
		"$work/large.efi" >/dev/null 2>&1
	store "$work/large-signed.efi"
	cp "$work/db.der" "$work/state/generation.1/db.der"
	configure
	start_site
	start_edgepxed
	expect_at_home 0 "blocks of 1468, windows of 4"
	store "$images/signed.efi"
else
	echo "$case: left out, sbsign or openssl is not installed"
fi

case="an interface that is not served"
configure '[network]' 'interfaces = eth*'
start_site
start_edgepxed "waiting"
expect 1 "no PXE server does" --timeout 2

case="nothing verified"
store "$images/signed-foreign.efi"
configure
start_site
start_edgepxed "refused"
expect 1 "no PXE server does" --timeout 2

case="nothing stored yet, the appliance itself"
rm -rf "$work/state"
start_site
start_edgepxed "waiting for=artifact"
expect_at_home 1 "no PXE server does"

case="no right to ask"
# Copies: the clone may be where nobody else can read.
chmod 711 "$work"
cp "$probe" "$images/db.der" "$work/"
in_ns node setpriv --reuid nobody --clear-groups --bounding-set -all "$work/edgepxe" probe \
	--config /nonexistent --db-cert "$work/db.der" >"$work/report" 2>&1
judge 2 "^cannot tell .*port 68: Permission denied" $?

echo "$n_passed cases as expected, $n_failed not"
[ "$n_failed" = 0 ]
