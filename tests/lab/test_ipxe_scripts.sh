#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# render-script and build-signed-ipxe: what they refuse and, against a minimal source tree whose
# Makefile notes how it was called and leaves a real PE image, what they make of good arguments.
# No iPXE is compiled here: the tree is a stand-in.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/tap.sh"
. "$here/apt.sh"
. "$here/keys.sh"
. "$here/ipxe.sh"

SCRIPTS=$LAB_TOP/ipxe-scripts

render() {
	"$SCRIPTS/render-script" "$@" >"$LAB_RUN/out" 2>"$LAB_RUN/err"
}

render_cases() {
	render "$SCRIPTS/chain.ipxe" BASE_URL=https://a.example/t/
	tap_ok $? "chain.ipxe renders with BASE_URL alone"
	tap_check "the base URL is in" grep -qx 'set base_url https://a.example/t/' "$LAB_RUN/out"
	tap_check "no placeholder is left" test "$(grep -v '^#' "$LAB_RUN/out" | grep -c '@[A-Z]')" -eq 0
	tap_check "and no way into a shell" test "$(grep -v '^#' "$LAB_RUN/out" | grep -cw shell)" -eq 0
	render "$SCRIPTS/chain.ipxe" BASE_URL=https://a.example/t
	tap_check "a base URL without a slash is refused" grep -q 'must end in a slash' "$LAB_RUN/err"
	render "$SCRIPTS/boot.ipxe" BASE_URL=https://a.example/
	tap_check "a missing value is named" grep -q '@TINK_WORKER_IMAGE@' "$LAB_RUN/err"
	render "$SCRIPTS/chain.ipxe" BASE_URL=https://a.example/ FOO=1
	tap_check "an unknown placeholder is refused" grep -q 'has no @FOO@' "$LAB_RUN/err"
	render "$SCRIPTS/boot.ipxe" BASE_URL=https://a.example/ TINK_WORKER_IMAGE='i|m&g\1' \
		GRPC_AUTHORITY=h:1 EXTRA_KERNEL_ARGS= CONSOLE_ARGS=
	tap_check "a value is taken as it is" grep -qF 'tink_worker_image=i|m&g\1 ' "$LAB_RUN/out"
}

# The least that build-signed-ipxe takes for a tree.
make_tree() {
	local tree=$1 image=$2
	mkdir -p "$tree/src/config"
	echo '#undef DOWNLOAD_PROTO_HTTPS' >"$tree/src/config/general.h"
	cat >"$tree/src/Makefile" <<-MAKE
		.RECIPEPREFIX = >
		bin-x86_64-efi/ipxe.efi:
		> mkdir -p \$(@D)
		> cp '$image' \$@
		> cp '\$(EMBED)' '\$(TRUST)' config/local/general.h '$LAB_RUN/made/'
		> echo 'CERT=\$(CERT) EXTRA=\$(EXTRA)' >'$LAB_RUN/made/arguments'
		bin-x86_64-efi/broken.efi:
		> @echo the compiler says no; false
	MAKE
}

# build DESCRIPTION EXPECTED ARGUMENT...: has to fail and say EXPECTED.
build_refuses() {
	local description=$1 expected=$2 status
	shift 2
	rm -f "$LAB_RUN/signed.efi"
	"$SCRIPTS/build-signed-ipxe" "$@" --output "$LAB_RUN/signed.efi" >"$LAB_RUN/err" 2>&1
	status=$?
	[ $status -ne 0 ] && grep -q -e "$expected" "$LAB_RUN/err" && [ ! -e "$LAB_RUN/signed.efi" ]
	tap_ok $? "$description"
}

build_cases() {
	local keys=$1 tree=$LAB_RUN/tree
	local good=(--tree "$tree" --base-url "$LAB_BASE_URL" --trust "$keys/server.crt"
		--key "$keys/db.key" --cert "$keys/db.crt")

	tap_check "--help explains" "$SCRIPTS/build-signed-ipxe" --help
	build_refuses "no arguments" '--tree is missing'
	build_refuses "an unknown argument" "unknown argument '--frob'" --frob
	build_refuses "a folder that is no tree" 'no iPXE source tree' "${good[@]}" --tree /usr
	build_refuses "plain http" 'must begin with https' "${good[@]}" --base-url http://a.example/
	build_refuses "a base URL without a slash" 'end in a slash' "${good[@]}" --base-url https://a/b
	build_refuses "a file that is not there" 'cannot read' "${good[@]}" --key "$LAB_RUN/none"
	build_refuses "a certificate for another host" 'is not for other.example' \
		"${good[@]}" --base-url https://other.example/
	build_refuses "a key of another certificate" 'do not belong together' \
		"${good[@]}" --key "$keys/foreign.key"
	build_refuses "a failing make, with its words" 'the compiler says no' \
		"${good[@]}" --target bin-x86_64-efi/broken.efi

	"$SCRIPTS/build-signed-ipxe" "${good[@]}" --output "$LAB_RUN/signed.efi" -- EXTRA=1 \
		>"$LAB_RUN/out" 2>&1
	tap_ok $? "builds and signs"
	tap_check "the image verifies" sbverify --cert "$keys/db.crt" "$LAB_RUN/signed.efi"
	tap_check "the rendered chain.ipxe was embedded" \
		grep -qx "set base_url $LAB_BASE_URL" "$LAB_RUN/made/chain.ipxe"
	tap_check "the certificate was pinned" cmp "$keys/server.crt" "$LAB_RUN/made/trust.pem"
	tap_check "HTTPS was switched on" grep -q 'define DOWNLOAD_PROTO_HTTPS' "$LAB_RUN/made/general.h"
	tap_check "further arguments reach make" grep -q 'EXTRA=1' "$LAB_RUN/made/arguments"
	tap_check "CERT is the pinned certificate too" grep -q 'CERT=.*/trust.pem' "$LAB_RUN/made/arguments"
	tap_check "the tree is left as it was" test ! -e "$tree/src/config/local"
}

main() {
	local keys ipxe
	lab_need sbsign sbverify openssl make
	lab_run_start
	keys=$(lab_keys) && ipxe=$(lab_ipxe "$keys") || exit 1
	mkdir "$LAB_RUN/made"
	make_tree "$LAB_RUN/tree" "$ipxe/unsigned_ipxe.efi"
	render_cases
	build_cases "$keys"
	tap_done
}

main
