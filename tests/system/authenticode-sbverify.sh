#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our verdict on images is that of sbverify, and of osslsigncode where it judges the same thing: on
# every fixture, on freshly signed images, and on many damaged ones. Where they differ the reason
# stands below; there are no others. $SEED chooses the damage; $EDGEPXE_EFI_IMAGES may name further
# unsigned EFI applications (iPXE) to sign and damage.
set -u

: "${srcdir:?}" "${builddir:?}"
images=$srcdir/tests/data/images
verify=$builddir/tests/system/verify_image
seed=${SEED:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_compared=0 n_justified=0 n_failed=0

for tool in sbverify sbsign osslsigncode openssl python3; do
	if ! command -v "$tool" >/dev/null; then
		echo "$tool is not installed"
		exit 77
	fi
done

say_failed() {
	echo "FAILED: $*"
	n_failed=$((n_failed + 1))
}

# sbverify and osslsigncode take sizes from the image as they come: bound their memory and time. A
# crash of theirs is a refusal.
bounded() {
	(ulimit -v 2000000 -c 0; exec timeout 20 "$@") >/dev/null 2>&1
}

sbverify_says() {
	bounded sbverify --cert "$2" "$1" && echo ok || echo refused
}

osslsigncode_says() {
	bounded osslsigncode verify -CAfile "$2" "$1" && echo ok || echo refused
}

# Why sbverify says yes where we refuse, or the other way round: by fixture and certificate.
sbverify_differs() { # IMAGE CERTIFICATE OURS
	case $1:$2:$3 in
	*:"refused for "* | *:"refused a PE image, but not an EFI application")
		echo "no question of signatures: the appliance serves one architecture, applications only" ;;
	signed-sha384.efi:db:ok | signed-sha512.efi:db:ok)
		echo "sbverify knows SHA-256 only, firmware takes SHA-384 and SHA-512 as well" ;;
	signed-server.efi:server:ok)
		echo "firmware takes a certificate of any purpose, sbverify wants code signing" ;;
	signed-chain.efi:db:"refused signed by"*)
		echo "sbverify 0.9.4 takes any signer whose issuer comes along in the signature" ;;
	truncated-last-octet.efi:db:"refused truncated"* | mutated-*:fresh:"refused truncated"*)
		echo "firmware refuses a table that runs past the file, sbverify reads what there is" ;;
	*:"refused malformed: its certificate table cannot be read")
		echo "firmware refuses a table that its entries do not fill, sbverify stops reading early" ;;
	*:"refused malformed: its signature cannot be read")
		echo "firmware demands Authenticode's content type and encoding, sbverify does not look" ;;
	*) return 1 ;;
	esac
}

# The same for osslsigncode, which is made for Windows: it looks at time and purpose, at nested
# signatures, and wants all of several signatures good.
osslsigncode_differs() { # IMAGE CERTIFICATE OURS
	case $1:$2:$3 in
	*:"refused for "* | *:"refused a PE image, but not an EFI application")
		echo "no question of signatures" ;;
	signed-gap.efi:db:ok)
		echo "osslsigncode hashes gaps between sections, firmware and sbsign do not" ;;
	signed-twice-*:ok)
		echo "osslsigncode wants every signature good, firmware one" ;;
	signed-nested.efi:*)
		echo "firmware does not know nested signatures" ;;
	signed-sha1.efi:db:"refused signed with a weak digest"*)
		echo "osslsigncode still takes SHA-1" ;;
	signed-expired.efi:expired:ok | signed-future.efi:future:ok)
		echo "firmware does not look at the time" ;;
	signed-server.efi:server:ok)
		echo "firmware takes a certificate of any purpose" ;;
	signed-chain.efi:intermediate:ok)
		echo "firmware takes a db certificate that is no root" ;;
	signed-other-producer.efi:* | *-osslsigncode.efi:*) return 1 ;;
	*:ok)
		test "$osslsigncode_on_sbsign" = refused || return 1
		echo "this osslsigncode (2.5 does) refuses whatever sbsign has signed" ;;
	*) return 1 ;;
	esac
}

# hold TOOL THEIRS IMAGE CERTIFICATE OURS
hold() {
	local why ours=${5%% *}

	n_compared=$((n_compared + 1))
	test "$2" != "$ours" || return 0
	if why=$("$1_differs" "$(basename "$3")" "$4" "$5"); then
		n_justified=$((n_justified + 1))
		echo "$(basename "$3") under $4: $1 says $2, we \"$5\": $why"
	else
		say_failed "$(basename "$3") under $4: $1 says $2, we \"$5\""
	fi
}

# compare IMAGE CERTIFICATE MACHINE: prints nothing when all agree. `ours` is left behind.
compare() {
	ours=$("$verify" "$work/$2.pem" "$3" "$1")
	ours=${ours#"$1 "}
	case $ours in
	ok | refused\ *) ;;
	*) say_failed "$1: no verdict of ours: $ours" && return ;;
	esac
	hold sbverify "$(sbverify_says "$1" "$work/$2.pem")" "$1" "$2" "$ours"
	hold osslsigncode "$(osslsigncode_says "$1" "$work/$2.pem")" "$1" "$2" "$ours"
}

compare_fixtures() {
	local image certificate machine expected

	for certificate in "$images"/*.der; do
		openssl x509 -inform DER -in "$certificate" \
			-out "$work/$(basename "$certificate" .der).pem"
	done
	osslsigncode_on_sbsign=$(osslsigncode_says "$images/signed.efi" "$work/db.pem")
	while read -r image certificate machine expected; do
		test "$image" != "#" || continue
		compare "$images/$image" "${certificate%.*}" "$machine"
		case "${ours/refused /refused: }" in
		"$expected"*) ;;
		*) say_failed "$image under $certificate: expected \"$expected\", got \"$ours\"" ;;
		esac
	done <"$images/expected"
}

# sign_and_damage UNSIGNED COUNT: a good signature of both producers, then COUNT damaged copies.
sign_and_damage() {
	local name

	name=$(basename "$1" .efi)
	mkdir -p "$work/mutated"
	if ! sbsign --key "$work/fresh.key" --cert "$work/fresh.pem" "$1" \
		--output "$work/$name-sbsign.efi" >/dev/null 2>&1; then
		say_failed "$1: sbsign cannot sign it"
		return
	fi
	compare "$work/$name-sbsign.efi" fresh x64
	test "$ours" = ok || say_failed "$name, freshly signed: $ours"
	if ! osslsigncode sign -h sha256 -key "$work/fresh.key" -certs "$work/fresh.pem" -in "$1" \
		-out "$work/$name-osslsigncode.efi" >/dev/null; then
		say_failed "$1: osslsigncode cannot sign it"
		return
	fi
	compare "$work/$name-osslsigncode.efi" fresh x64
	test "$ours" = ok || say_failed "$name, freshly signed by osslsigncode: $ours"
	python3 "$srcdir/tests/system/mutate.py" "$seed" "$2" "$work/$name-sbsign.efi" "$work/mutated"
	for image in "$work/mutated"/*; do
		compare "$image" fresh x64
	done
	rm -r "$work/mutated"
}

compare_fixtures
openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=fresh" -days 30 -keyout "$work/fresh.key" \
	-out "$work/fresh.pem" 2>/dev/null
sign_and_damage "$images/unsigned.efi" 200
python3 "$srcdir/tests/data/make-pe.py" "$work/large.efi" x64 tail=1048571
sign_and_damage "$work/large.efi" 20
for image in ${EDGEPXE_EFI_IMAGES:-}; do
	sign_and_damage "$image" 40
done
echo "seed $seed: $n_compared verdicts compared, $n_justified differ with reason, $n_failed failed"
test "$n_failed" -eq 0
