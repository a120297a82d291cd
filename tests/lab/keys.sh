# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The keys of the lab's orchestrator, shaped like the real one's: Secure Boot PK, KEK and db; a TLS
# server certificate that is a self-signed leaf with CA:TRUE; and another CA for the front domain,
# under which the first is published as /boots/ca.crt. Plus a foreign db key, for what has to be
# refused.

lab_keys_secure_boot() {
	local dir=$1 name=$2 common_name=$3
	openssl req -x509 -newkey rsa:"$4" -nodes -sha512 -days 3650 -subj "/CN=$common_name" \
		-keyout "$dir/$name.key" -out "$dir/$name.crt" 2>/dev/null
}

lab_keys_make() {
	local dir=$1
	lab_keys_secure_boot "$dir" pk "Lab Platform Key" 2048 &&
		lab_keys_secure_boot "$dir" kek "Lab Key Exchange Key" 2048 &&
		lab_keys_secure_boot "$dir" db "Secure Boot DB" 4096 &&
		lab_keys_secure_boot "$dir" foreign "Somebody Else's DB" 4096 &&
		openssl x509 -in "$dir/db.crt" -outform DER -out "$dir/db.der" || return 1

	openssl req -x509 -newkey rsa:3072 -nodes -sha384 -days 365 -subj "/CN=$LAB_CLOUD_HOST" \
		-addext "basicConstraints=critical,CA:TRUE" \
		-addext "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign" \
		-addext "extendedKeyUsage=serverAuth" -addext "subjectAltName=DNS:$LAB_CLOUD_HOST" \
		-keyout "$dir/server.key" -out "$dir/server.crt" 2>/dev/null || return 1

	openssl req -x509 -newkey rsa:3072 -nodes -sha384 -days 365 -subj "/CN=Lab Front CA" \
		-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" \
		-keyout "$dir/front-ca.key" -out "$dir/front-ca.crt" 2>/dev/null &&
		openssl req -newkey rsa:3072 -nodes -subj "/CN=$LAB_CLOUD_DOMAIN" \
			-keyout "$dir/front.key" -out "$dir/front.csr" 2>/dev/null &&
		openssl x509 -req -in "$dir/front.csr" -CA "$dir/front-ca.crt" \
			-CAkey "$dir/front-ca.key" -set_serial 2 -sha384 -days 365 -out "$dir/front.crt" \
			-extfile <(printf '%s\n' "subjectAltName=DNS:$LAB_CLOUD_DOMAIN" \
				"extendedKeyUsage=serverAuth" "basicConstraints=CA:FALSE") 2>/dev/null
}

# Prints the directory of the keys.
lab_keys() {
	local dir
	dir=$LAB_CACHE/keys/$(lab_key "$LAB_DIR/keys.sh" "$LAB_DIR/world.sh")
	# Certificates that end within a month are made anew, with all that depends on them.
	if [ -d "$dir" ] && ! openssl x509 -checkend 2592000 -noout -in "$dir/server.crt" >/dev/null; then
		rm -rf "$dir"
	fi
	lab_cached "$dir" lab_keys_make || lab_die "the keys could not be made"
	echo "$dir"
}
