#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The refresher against a real nginx: whom it trusts, what it says of every failure, what it refuses, and
# that what was good goes on being served, also after a restart and with a disk that is full.
set -u

: "${srcdir:?}" "${builddir:?}"
. "$srcdir/tests/system/orchestrator.sh"
orchestrator_enter "$@"

images=$srcdir/tests/data/images
base=https://orch.test/tink-stack/
work=$(mktemp -d)
mounts=()
n_checks=0 n_failed=0
current=

finish() {
	for mount in "${mounts[@]}"; do
		umount "$mount"
	done
	umount /etc/hosts /etc/resolv.conf /etc/ssl/certs
	rm -rf "$work"
}
trap finish EXIT

# --- one run of the refresher ------------------------------------------------------------------------

# start NAME OPTION...: with a state directory of its own ($work/NAME.state) unless there is an option.
start() {
	current=$1
	shift
	case " $* " in
	*" --state-dir "*) ;;
	*)
		mkdir -p "$work/$current.state"
		set -- --state-dir "$work/$current.state" "$@"
		;;
	esac
	: >"$work/$current.log"
	mark
	"$builddir/tests/system/refresh_run" --interval-ms 60000 "$@" >"$work/$current.out" \
		2>"$work/$current.log" &
	pid=$!
}

# From here on only new lines count.
mark() {
	log_mark=$(wc -l <"$work/$current.log")
	access_mark=$(wc -l <"$work/access.log")
}

again() {
	mark
	kill -HUP "$pid"
}

stop() {
	local begin=$SECONDS
	kill -TERM "$pid"
	wait "$pid"
	check "$current ends with 0 within seconds" test $? = 0 -a $((SECONDS - begin)) -le 5
}

new_lines() {
	tail -n "+$((log_mark + 1))" "$work/$current.log"
}

say_failed() {
	n_failed=$((n_failed + 1))
	echo "FAILED: $current: $*"
	sed 's/^/    /' "$work/$current.log"
	tail -n 3 "$work/$current.out" | sed 's/^/    /'
}

check() {
	local what=$1
	shift
	n_checks=$((n_checks + 1))
	if "$@"; then
		echo "ok: $what"
	else
		say_failed "$what"
	fi
}

# expect PATTERN [SECONDS]: a line of the log, soon.
expect() {
	local deadline=$((SECONDS + ${2:-10}))
	n_checks=$((n_checks + 1))
	until new_lines | grep -qE -- "$1"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			say_failed "no line: $1"
			return
		fi
		sleep 0.05
	done
	echo "ok: $current: $1"
}

expect_not() {
	n_checks=$((n_checks + 1))
	if new_lines | grep -qE -- "$1"; then
		say_failed "an unexpected line: $1"
	fi
}

# expect_serving FILE|nothing: the last word on what is served, since the mark or before it.
expect_serving() {
	local wanted=nothing
	[ "$1" = nothing ] || wanted=$(sha256sum <"$1" | cut -c 1-64)
	for _ in $(seq 100); do
		[ "$(tail -n 1 "$work/$current.out" | cut -d ' ' -f 2)" = "$wanted" ] && break
		sleep 0.05
	done
	check "$current serves ${1##*/}" \
		[ "$(tail -n 1 "$work/$current.out" | cut -d ' ' -f 2)" = "$wanted" ]
}

requested() {
	tail -n "+$((access_mark + 1))" "$work/access.log" | grep -qE -- "$1"
}

stored_is() {
	cmp -s "$1" "$2/current/signed_ipxe.efi"
}

# fails NAME PATTERN OPTION...: a first fetch that fails with these words, and nothing is served.
fails() {
	local name=$1 pattern=$2
	shift 2
	start "$name" "$@"
	expect "^refresh-failed url=https.* error=\"[^\"]*${pattern}[^\"]*\" retry-in=[23]s"
	expect_serving nothing
	stop
}

# --- the parts -------------------------------------------------------------------------------------------

orch_trust=(--url "$base" --ca-file "$work/keys/orch.crt")

publish_good() {
	publish "$images/db.der" keys/db.der
	publish "$images/signed.efi" signed_ipxe.efi
	publish "$work/keys/orch.crt" keys/Full_server.crt
}

# These take half a minute: they run beside all else.
start_slow() {
	start slow --url https://orch.test/slow/ --ca-file "$work/keys/orch.crt"
	slow_pid=$pid
	start silent --url https://orch.test:8444/ --ca-file "$work/keys/orch.crt"
	silent_pid=$pid
}

test_slow() {
	current=slow pid=$slow_pid log_mark=0
	expect 'refresh-failed .* error="orch.test is too slow: timed out after [0-9]+ bytes"' 60
	stop
	current=silent pid=$silent_pid log_mark=0
	expect 'refresh-failed .* error="the (TLS handshake with|connection to) orch.test timed out"' 30
	stop
}

test_trust() {
	start trust-url --url "$base" --trust-url https://front.test/boots/ca.crt
	expect "^fetched url=${base}signed_ipxe.efi bytes=[0-9]+ sha256=$signed_sha256 signer=\"CN=edgepxe db TEST ONLY\"$"
	expect '^stored '
	expect_serving "$images/signed.efi"
	check "ca.crt is stored" cmp -s "$work/keys/orch.crt" "$work/trust-url.state/current/ca.crt"
	check "db.der is stored" cmp -s "$images/db.der" "$work/trust-url.state/current/db.der"
	sleep 0.5
	expect_not server-certificate-differs
	mv "$work/www/boots/ca.crt" "$work/ca.crt"
	again
	expect '^trust-url-failed url=https://front.test/boots/ca.crt error="HTTP 404.*using="the certificate stored last"'
	expect '^unchanged '
	stop
	start trust-url-restarted --url "$base" --trust-url https://front.test/boots/ca.crt \
		--state-dir "$work/trust-url.state"
	expect '^loaded '
	expect '^trust-url-failed '
	expect '^unchanged '
	stop
	start trust-url-changed --url "$base" --trust-url https://front.test/boots/other.crt \
		--state-dir "$work/trust-url.state"
	expect '^refresh-failed url=https://front.test/boots/other.crt error="HTTP 404'
	expect_not trust-url-failed
	stop
	fails trust-url-missing 'HTTP 404' --url "$base" --trust-url https://front.test/boots/ca.crt
	echo "no certificate" >"$work/www/boots/ca.crt"
	fails trust-url-rubbish 'not a PEM certificate' --url "$base" \
		--trust-url https://front.test/boots/ca.crt
	mv "$work/ca.crt" "$work/www/boots/ca.crt"
	start trust-url-under-ca-file --url "$base" --trust-url https://front.test/boots/ca.crt \
		--ca-file "$work/keys/front-ca.crt"
	expect '^fetched '
	stop
	start ca-file "${orch_trust[@]}"
	expect '^fetched '
	stop
	start system-store --url https://front.test/tink-stack/
	expect '^fetched '
	stop
	fails ca-file-alone "the certificate of front.test is signed by 'CN = Front CA', which is not trusted" \
		--url https://front.test/tink-stack/ --ca-file "$work/keys/orch.crt"
	fails untrusted "the certificate of orch.test is signed by 'CN = orch.test', which is not trusted: set ca-file or trust-url" \
		--url "$base"
	fails expired "the certificate of expired.test is valid from .*2020.* to .*2021.* only" \
		--url https://expired.test/tink-stack/ --ca-file "$work/keys/expired.crt"
	fails wrong-name "the certificate that other.test presents is not for that name but for 'CN = orch.test'" \
		--url https://other.test/tink-stack/ --ca-file "$work/keys/orch.crt"
	echo rubbish >"$work/rubbish.pem"
	fails ca-file-rubbish 'not PEM' --url "$base" --ca-file "$work/rubbish.pem"
	start ca-file-missing --url "$base" --ca-file /nonexistent
	expect '^refresh-failed url=/nonexistent error="the CA file cannot be read: No such file or directory"'
	stop
}

test_answers() {
	local ca=(--ca-file "$work/keys/orch.crt")
	fails http-403 'HTTP 403: forbidden, or rate limited' --url https://orch.test/403/ "${ca[@]}"
	fails http-404 'HTTP 404: not published yet\? normal for some 15 minutes' \
		--url https://orch.test/404/ "${ca[@]}"
	fails http-503 'HTTP 503: not ready yet' --url https://orch.test/503/ "${ca[@]}"
	start http-429 --url https://orch.test/429/ "${ca[@]}"
	expect '^refresh-failed .*HTTP 429: rate limited" retry-in=7s'
	stop
	start patience --url https://orch.test/patience/ "${ca[@]}"
	expect '^refresh-failed .* retry-in=60s'
	stop
	fails to-http 'a redirect to what is not https is refused' --url https://orch.test/to-http/ "${ca[@]}"
	fails to-file 'a redirect to what is not https is refused' --url https://orch.test/to-file/ "${ca[@]}"
	fails round 'more than 3 redirects' --url https://orch.test/round/ "${ca[@]}"
	start moved --url https://orch.test/moved/ "${ca[@]}"
	expect '^fetched '
	stop
	fails truncated 'the body from orch.test ended early: 1234 of 5000 bytes' \
		--url https://orch.test:8443/ "${ca[@]}"
	fails endless 'the body from orch.test is larger than 65536 bytes' \
		--url https://orch.test:8443/endless/ "${ca[@]}"
	fails refused 'orch.test refused the connection' --url https://orch.test:444/ "${ca[@]}"
	fails unresolved 'cannot resolve nowhere.test' --url https://nowhere.test/ "${ca[@]}"
}

# The repeated failure waits longer, and the network's return shortens the wait.
test_backoff() {
	orchestrator_stop
	start backoff "${orch_trust[@]}"
	expect '^refresh-failed .* retry-in=2s'
	expect '^refresh-failed .* retry-in=[34]s'
	expect '^refresh-failed .* retry-in=[678]s' 15
	orchestrator_start
	mark
	kill -USR1 "$pid"
	expect '^fetched ' 5
	stop
}

# An interface that comes and goes all the time does not put the next try off for ever.
test_flapping() {
	local i
	orchestrator_stop
	start flapping "${orch_trust[@]}"
	expect '^refresh-failed '
	mark
	for ((i = 0; i < 40; i++)); do
		kill -USR1 "$pid"
		sleep 0.2
	done &
	expect '^refresh-failed ' 6
	wait $!
	orchestrator_start
	stop
}

test_token() {
	printf 'top.secret\n' >"$work/token"
	fails token-missing 'HTTP 401: a bearer token is wanted' --url https://orch.test/token/ \
		--ca-file "$work/keys/orch.crt"
	start token --url https://orch.test/token/ --ca-file "$work/keys/orch.crt" \
		--token-file "$work/token"
	expect '^fetched '
	expect_not top.secret
	stop
	cat "$work/keys/orch.crt" "$work/keys/front-ca.crt" >"$work/both.crt"
	start token-away --url https://orch.test/away/ --ca-file "$work/both.crt" \
		--token-file "$work/token"
	expect '^fetched '
	check "the host asked gets the token" requested '^orch.test 302 .*authorization=Bearer top.secret$'
	check "the host redirected to does not" requested '^front.test 200 .*authorization=-$'
	check "not once" sh -c "! grep -q '^front.test.*secret' '$work/access.log'"
	stop
	printf 'two\nlines\n' >"$work/token"
	start token-lines "${orch_trust[@]}" --token-file "$work/token"
	expect '^refresh-failed .*holds no token on a line of its own'
	stop
}

# refused FILE REASON: FILE, published, is refused by name; the last good one stays.
refused() {
	publish "$images/$1" signed_ipxe.efi
	again
	expect "^refused artifact=${base}signed_ipxe.efi reason=\"$2.*\" serving=\"last good sha256=$signed_sha256\""
	expect_serving "$images/signed.efi"
}

test_refusals() {
	publish_good
	start refusals "${orch_trust[@]}"
	expect '^fetched '
	refused unsigned.efi unsigned
	refused signed-foreign.efi "signed by 'CN=edgepxe foreign TEST ONLY'"
	refused changed-code.efi 'changed after it was signed'
	refused signed-arm64.efi 'for arm64 .machine 0xaa64., this appliance serves x64'
	refused truncated-signature.efi truncated
	refused error-page.efi 'text or HTML'
	check "the last good one is on the disk" stored_is "$images/signed.efi" "$work/refusals.state"
	truncate -s 17M "$work/www/tink-stack/signed_ipxe.efi"
	again
	expect '^refresh-failed .*is larger than 16777216 bytes'
	: >"$work/www/tink-stack/signed_ipxe.efi"
	again
	expect '^refresh-failed .*the body from orch.test is empty'
	publish "$images/signed-sha384.efi" signed_ipxe.efi
	publish "$images/error-page.efi" keys/db.der
	again
	expect "^refused artifact=${base}keys/db.der reason=\"not one certificate"
	publish "$images/db.der" keys/db.der
	again
	expect '^fetched '
	expect_serving "$images/signed-sha384.efi"
	stop
	publish "$images/unsigned.efi" signed_ipxe.efi
	start refused-first "${orch_trust[@]}"
	expect '^refused .* reason="unsigned" serving="nothing"'
	expect_serving nothing
	stop
}

# By its own clock, so that requests are conditional.
test_conditional() {
	publish_good
	start conditional "${orch_trust[@]}" --interval-ms 1000
	expect '^fetched '
	mark
	expect '^unchanged '
	check "304 for the image" requested '^orch.test 304 GET /tink-stack/signed_ipxe.efi'
	check "304 for the certificate" requested '^orch.test 304 GET /tink-stack/keys/db.der'
	expect_not '^stored'

	# A copy in place that is seen half done.
	mark
	publish "$images/truncated-before-signature.efi" signed_ipxe.efi
	expect '^refused .* reason="truncated'
	publish "$images/signed-sha512.efi" signed_ipxe.efi
	expect '^fetched '
	expect_serving "$images/signed-sha512.efi"

	# Keys made anew: the image first, its certificate later.
	mark
	publish "$images/signed-foreign.efi" signed_ipxe.efi
	expect '^refetching '
	expect "^refused .* reason=\"signed by 'CN=edgepxe foreign TEST ONLY'"
	expect_serving "$images/signed-sha512.efi"
	publish "$images/foreign.der" keys/db.der
	expect "^db-changed sha256-before=$db_sha256 sha256=$foreign_sha256 "
	expect_serving "$images/signed-foreign.efi"

	# The certificate first.
	mark
	publish "$images/expired.der" keys/db.der
	expect '^refused '
	expect_serving "$images/signed-foreign.efi"
	publish "$images/signed-expired.efi" signed_ipxe.efi
	expect '^fetched '
	expect_serving "$images/signed-expired.efi"
	stop

	# An image that was exchanged without a sign of it, which only its certificate gives away.
	publish_good
	start stale --url https://orch.test/no-etag/ --ca-file "$work/keys/orch.crt" --interval-ms 1000
	expect '^fetched '
	cp "$images/signed-foreign.efi" "$work/www/tink-stack/new"
	touch -r "$work/www/tink-stack/signed_ipxe.efi" "$work/www/tink-stack/new"
	mv "$work/www/tink-stack/new" "$work/www/tink-stack/signed_ipxe.efi"
	mark
	expect '^unchanged '
	check "a stale 304" requested '^orch.test 304 GET /no-etag/signed_ipxe.efi'
	publish "$images/foreign.der" keys/db.der
	expect '^refetching '
	expect '^fetched '
	expect_not '^refused '
	expect_serving "$images/signed-foreign.efi"
	stop
}

# A reload while a fetch that has its result is in its last steps loses nothing.
test_reload() {
	publish_good
	start reload --url https://orch.test/late/ --ca-file "$work/keys/orch.crt"
	expect '^stored '
	publish "$images/unsigned.efi" signed_ipxe.efi
	again
	expect "^refused .* reason=\"unsigned\" serving=\"last good sha256=$signed_sha256\"" 4
	expect_serving "$images/signed.efi"
	stop
}

test_pinned() {
	publish_good
	cp "$images/db.pem" "$work/pinned.pem"
	start pinned "${orch_trust[@]}" --db-cert "$work/pinned.pem"
	expect '^fetched '
	check "keys/db.der is not asked for" sh -c "! tail -n +$((access_mark + 1)) '$work/access.log' | grep -q db.der"
	publish "$images/signed-foreign.efi" signed_ipxe.efi
	publish "$images/foreign.der" keys/db.der
	again
	expect "^db-differs pinned-sha256=$db_sha256 published-sha256=$foreign_sha256 "
	expect "^refused .* serving=\"last good sha256=$signed_sha256\""
	expect_serving "$images/signed.efi"
	mv "$work/pinned.pem" "$work/pinned.away"
	again
	expect '^refresh-failed url=.*pinned.pem error="the db certificate cannot be read: No such file'
	expect_serving "$images/signed.efi"

	# Another certificate is pinned, under which what was served fails: it is served no longer.
	publish "$images/signed.efi" signed_ipxe.efi
	cp "$images/foreign.der" "$work/pinned.pem"
	again
	expect '^refused artifact=the one served until now .* serving="nothing"'
	expect_serving nothing
	stop
	start pinned-restart "${orch_trust[@]}" --db-cert "$work/pinned.pem" \
		--state-dir "$work/pinned.state"
	expect "^refused artifact=$work/pinned.state/current/signed_ipxe.efi reason=\"signed by 'CN=edgepxe db"
	stop
}

test_server_certificate() {
	publish_good
	publish "$work/keys/renewed.crt" keys/Full_server.crt
	start server-certificate "${orch_trust[@]}"
	expect '^server-certificate-differs url=.* presented-sha256=[0-9a-f]{64} published-sha256=[0-9a-f]{64} '
	stop
	rm "$work/www/tink-stack/keys/Full_server.crt"
	start no-server-certificate "${orch_trust[@]}"
	expect '^stored '
	sleep 0.5
	expect_not 'Full_server|certificate-differs'
	stop
	publish_good

	# Renewed over there, and the bootstrap follows.
	start renewal --url "$base" --trust-url https://front.test/boots/ca.crt
	expect '^fetched '
	orchestrator_stop
	orchestrator_start renewed
	again
	expect '^refresh-failed .*is signed by .orch|^refresh-failed .*CN = orch.test'
	cp "$work/keys/renewed.crt" "$work/www/boots/ca.crt"
	again
	expect '^unchanged '
	expect '^stored '
	check "the new ca.crt is stored" cmp -s "$work/keys/renewed.crt" "$work/renewal.state/current/ca.crt"
	stop
	orchestrator_stop
	cp "$work/keys/orch.crt" "$work/www/boots/ca.crt"
	orchestrator_start
}

# good_state NAME: a state directory with the good generation.
good_state() {
	rm -rf "$work/$1.state"
	mkdir -p "$work/$1.state/generation.1"
	cp "$images/signed.efi" "$work/$1.state/generation.1/signed_ipxe.efi"
	cp "$images/db.der" "$work/$1.state/generation.1/db.der"
	ln -s generation.1 "$work/$1.state/current"
}

# spoilt NAME FILE REASON COMMAND...: what the state directory holds is refused by name, then fetched anew.
spoilt() {
	local name=$1 file=$2 reason=$3
	shift 3
	good_state "$name"
	(cd "$work/$name.state/generation.1" && "$@")
	start "$name" "${orch_trust[@]}"
	expect "^refused artifact=$work/$name.state/current/$file reason=\"$reason.*\" serving=\"nothing\""
	expect '^fetched '
	expect '^stored '
	check "$name is mended" stored_is "$images/signed.efi" "$work/$name.state"
	stop
}

test_last_good() {
	publish_good
	good_state last-good
	orchestrator_stop
	start last-good "${orch_trust[@]}"
	expect "^loaded state-dir=$work/last-good.state bytes=[0-9]+ sha256=$signed_sha256 signer="
	expect '^refresh-failed .* error="orch.test refused the connection" retry-in=2s'
	expect_serving "$images/signed.efi"
	orchestrator_start
	expect '^unchanged ' 15
	stop
	spoilt lkg-changed signed_ipxe.efi 'changed after it was signed' cp "$images/changed-code.efi" signed_ipxe.efi
	spoilt lkg-truncated signed_ipxe.efi truncated truncate -s 1000 signed_ipxe.efi
	spoilt lkg-oversized signed_ipxe.efi 'File too large' truncate -s 17M signed_ipxe.efi
	spoilt lkg-link signed_ipxe.efi 'Too many levels of symbolic links' \
		ln -sf "$images/signed.efi" signed_ipxe.efi
	spoilt lkg-db db.der 'not one certificate' cp /dev/null db.der
	spoilt lkg-no-db signed_ipxe.efi 'there is no db certificate' rm db.der
}

test_state_directory() {
	publish_good
	mkdir "$work/full.state"
	mount -t tmpfs -o size=20k tmpfs "$work/full.state"
	mounts+=("$work/full.state")
	start full "${orch_trust[@]}"
	expect '^stored '
	dd if=/dev/zero of="$work/full.state/ballast" bs=4096 count=100 2>/dev/null
	publish "$images/signed-sha384.efi" signed_ipxe.efi
	again
	expect '^fetched '
	expect "^store-failed state-dir=$work/full.state error=\"No space left on device\""
	expect_serving "$images/signed-sha384.efi"
	check "the generation before is whole" stored_is "$images/signed.efi" "$work/full.state"
	check "and alone" [ "$(find "$work/full.state" -mindepth 1 -maxdepth 1 | wc -l)" = 3 ]
	rm "$work/full.state/ballast"
	again
	expect '^unchanged '
	expect '^stored '
	check "it was stored when there was room" stored_is "$images/signed-sha384.efi" "$work/full.state"
	stop

	good_state read-only
	mount --bind "$work/read-only.state" "$work/read-only.state"
	mounts+=("$work/read-only.state")
	mount -o remount,bind,ro "$work/read-only.state"
	start read-only "${orch_trust[@]}"
	expect '^loaded '
	expect '^store-failed .* error="Read-only file system"'
	expect_serving "$images/signed-sha384.efi"
	check "what is stored is untouched" stored_is "$images/signed.efi" "$work/read-only.state"
	stop

	start no-state "${orch_trust[@]}" --state-dir "$work/nonexistent"
	expect '^load-failed .*No such file or directory'
	expect '^store-failed .*No such file or directory'
	expect_serving "$images/signed-sha384.efi"
	stop
}

# A reload or an end does not wait for a fetch that hangs.
test_cancel() {
	publish_good
	start cancel --url https://orch.test/slow/ --ca-file "$work/keys/orch.crt"
	sleep 1
	again
	sleep 1
	stop
	expect_not '^refresh-failed'
}

# --- all of it -------------------------------------------------------------------------------------------

sha256_of() {
	sha256sum <"$1" | cut -c 1-64
}

signed_sha256=$(sha256_of "$images/signed.efi")
db_sha256=$(sha256_of "$images/db.der")
foreign_sha256=$(sha256_of "$images/foreign.der")
: >"$work/access.log"
orchestrator_keys
orchestrator_machine
orchestrator_start
cp "$work/keys/orch.crt" "$work/www/boots/ca.crt"
python3 "$srcdir/tests/system/odd_server.py" "$work/keys/orch.crt" "$work/keys/orch.key" 8443 8444 &
publish_good
for part in "${@:-all}"; do
	case $part in
	all)
		start_slow
		for name in trust answers token refusals conditional reload pinned server_certificate last_good \
			state_directory cancel backoff flapping slow; do
			"test_$name"
		done
		;;
	*) "test_$part" ;;
	esac
done
echo "fetch: $n_checks checks, $n_failed failed"
[ "$n_failed" = 0 ]
