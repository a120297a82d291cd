# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian packages that the lab unpacks for itself and does not install, also of other suites than
# the machine's own: a private apt configuration with the mirror that the machine uses.

# The URI of the mirror from which this machine has its Debian; nothing before apt's first update.
lab_apt_known_mirror() {
	# shellcheck disable=SC2016  # apt's own variable, not the shell's
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		'Label: Debian' 2>/dev/null | head -n 1
}

lab_apt_mirror() {
	local uri
	uri=$(lab_apt_known_mirror)
	if [ -z "$uri" ]; then
		apt-get -qq update >&2
		uri=$(lab_apt_known_mirror)
	fi
	[ -n "$uri" ] || lab_die "apt knows no Debian mirror here"
	echo "$uri"
}

lab_apt() {
	local dir=$1
	shift
	apt-get -qq -o Dir::Etc::sourcelist="$dir/lab.sources" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o Acquire::Languages=none -o Acquire::Retries=2 -o APT::Sandbox::User=root "$@"
}

# lab_apt_fetch_into SUITE PACKAGE DIRECTORY
lab_apt_fetch_into() {
	local suite=$1 package=$2 target=$3 apt=$3/apt mirror
	mirror=$(lab_apt_mirror) || return 1
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	cat >"$apt/lab.sources" <<-SOURCES
		Types: deb
		URIs: $mirror
		Suites: $suite
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	SOURCES
	lab_apt "$apt" update && (cd "$target" && lab_apt "$apt" download "$package") || return 1
	rm -rf "$apt"
}

# lab_package SUITE PACKAGE: prints the path of the package's .deb in the cache.
lab_package() {
	local dir=$LAB_CACHE/packages/$1/$2
	lab_cached "$dir" lab_apt_fetch_into "$1" "$2" >&2 ||
		lab_die "package $2 of Debian $1 could not be fetched"
	echo "$dir"/*.deb
}
