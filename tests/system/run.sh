#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs system tests one after the other: `make check-system`. A test is a script that is called with
# $srcdir and $builddir set and ends with 0 (PASS), 77 (SKIP; its last line says why) or anything
# else (FAIL). Each may take $SYSTEM_TEST_TIMEOUT seconds. What it says is kept in
# tests/system/NAME.log and shown when it fails. Exit status: 0 when none failed.
set -u

: "${srcdir:?}" "${builddir:?}"
failed=0 passed=0 skipped=0

for test in "$@"; do
	log=$builddir/${test%.sh}.log
	mkdir -p "${log%/*}"
	begin=$(date +%s)
	timeout -k 10 "${SYSTEM_TEST_TIMEOUT:-300}" "$srcdir/$test" >"$log" 2>&1 &
	# A test that is interrupted cleans up before we end: timeout hands the signal on.
	trap 'kill "$!"; wait "$!"; exit 130' INT TERM HUP
	wait "$!"
	status=$?
	took=$(($(date +%s) - begin))
	case $status in
	0)
		passed=$((passed + 1))
		echo "PASS: $test (${took} s): $(tail -n 1 "$log")"
		;;
	77)
		skipped=$((skipped + 1))
		echo "SKIP: $test: $(tail -n 1 "$log")"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL: $test (${took} s, status $status), the end of $log:"
		tail -n 40 "$log" | sed 's/^/    /'
		;;
	esac
done
echo "system tests: $passed passed, $failed failed, $skipped skipped"
test "$failed" -eq 0
