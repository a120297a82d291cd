#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes tests/data/images anew: certificates and EFI images, good and bad, named by case. Needs
# openssl, sbsign, osslsigncode and python3; the tests themselves need none of them. The keys are
# made here and thrown away. What each image is to be judged as stands in images/expected.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/images
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
mkdir -p "$out"
cd "$keys"

pe() {
	python3 "$here/make-pe.py" "$@"
}

# The tools talk much; only a failure is of interest.
quietly() {
	"$@" >"$keys/log" 2>&1 || { cat "$keys/log" >&2; exit 1; }
}

# certificate NAME ISSUER START END [EXTENSION...]: issued by ISSUER, or by itself.
certificate() {
	name=$1 issuer=$2 start=$3 end=$4
	shift 4
	quietly openssl req -newkey rsa:2048 -nodes -subj "/CN=edgepxe $name TEST ONLY" \
		-keyout "$name.key" -out "$name.csr"
	: >database
	openssl rand -hex 8 >serial
	printf '%s\n' "[v3]" subjectKeyIdentifier=hash "$@" >extensions
	if test "$issuer" = "$name"; then
		set -- -selfsign
	else
		set -- -cert "$issuer.crt"
	fi
	quietly openssl ca -batch -notext -md sha256 -config ca.cnf -extfile extensions \
		-extensions v3 -startdate "$start" -enddate "$end" -in "$name.csr" \
		-out "$name.crt" -keyfile "$issuer.key" "$@"
	openssl x509 -in "$name.crt" -outform DER -out "$out/$name.der"
}

cat >ca.cnf <<-END
	[ca]
	default_ca = default
	[default]
	database = $keys/database
	serial = $keys/serial
	new_certs_dir = $keys
	policy = policy
	unique_subject = no
	[policy]
	commonName = supplied
END
from=20200101000000Z
to=20491231235959Z
certificate db db $from $to
certificate foreign foreign $from $to
certificate expired expired $from 20210101000000Z
certificate future future 20480101000000Z $to
certificate root root $from $to basicConstraints=critical,CA:TRUE
certificate intermediate root $from $to basicConstraints=critical,CA:TRUE
certificate leaf intermediate $from $to extendedKeyUsage=codeSigning
certificate server server $from $to extendedKeyUsage=serverAuth
cp db.crt "$out/db.pem"
cat db.crt foreign.crt >"$out/two.pem"
rm "$out/leaf.der"

# sign IMAGE KEY OUTPUT: with sbsign; which appends to what is there.
sign() {
	quietly sbsign --key "$2.key" --cert "$2.crt" "$1" --output "$out/$3"
}

# other IMAGE KEY OUTPUT [OPTION...]: with osslsigncode.
other() {
	image=$1 key=$2 output=$3
	shift 3
	rm -f "$out/$output"
	quietly osslsigncode sign -key "$key.key" -certs "$key.crt" "$@" -in "$image" \
		-out "$out/$output"
}

pe x64.efi
pe ia32.efi ia32
pe arm64.efi arm64
pe driver.efi x64 subsystem=11
pe gap.efi x64 gap=24 swapped
pe tail.efi x64 tail=13
pe few.efi x64 directories=6
pe none.efi x64 directories=4

cp x64.efi "$out/unsigned.efi"
cp none.efi "$out/unsigned-no-certificate-entry.efi"
sign x64.efi db signed.efi
sign x64.efi foreign signed-foreign.efi
sign x64.efi expired signed-expired.efi
sign x64.efi future signed-future.efi
sign x64.efi server signed-server.efi
sign ia32.efi db signed-ia32.efi
sign arm64.efi db signed-arm64.efi
sign driver.efi db signed-driver.efi
sign gap.efi db signed-gap.efi
sign tail.efi db signed-tail.efi
sign few.efi db signed-few-directories.efi
sign "$out/signed.efi" foreign signed-twice-db-first.efi
sign "$out/signed-foreign.efi" db signed-twice-db-last.efi
sign "$out/signed-foreign.efi" expired signed-twice-foreign.efi
quietly sbsign --key leaf.key --cert leaf.crt --addcert intermediate.crt x64.efi \
	--output "$out/signed-chain.efi"
other x64.efi db signed-other-producer.efi -h sha256
other tail.efi db signed-other-producer-tail.efi -h sha256
other x64.efi db signed-sha1.efi -h sha1
other x64.efi db signed-sha384.efi -h sha384
other x64.efi db signed-sha512.efi -h sha512
other "$out/signed-foreign.efi" db signed-nested.efi -h sha256 -nest

python3 "$here/make-variants.py" "$out/signed.efi" "$out"
