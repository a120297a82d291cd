/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what edgepxed would say of images, for comparison with other verifiers.
 * usage: verify_image CERTIFICATE x64|ia32|arm64 IMAGE...
 * Prints a line for each: "IMAGE ok", or "IMAGE refused " and the reason. Exit status: 0 all are
 * good, 1 not all are, 2 cannot judge.
 */
#include "core/artifact.h"
#include "tests/read_file.h"

#define LIMIT_BYTES (64u << 20)

static bool verify(const char *path, uint16_t machine, const struct db_cert *db)
{
	CLEANUP(artifact_unref_p) struct artifact *artifact = NULL;
	char reason[ARTIFACT_REASON_MAX];
	size_t len;
	uint8_t *data = read_file(path, &len);

	if (!data) {
		perror(path);
		exit(2);
	}
	artifact = artifact_new_signed_image(data, len, LIMIT_BYTES, machine, db, reason);
	printf("%s %s%s\n", path, artifact ? "ok" : "refused ", artifact ? "" : reason);
	return artifact != NULL;
}

int main(int argc, char **argv)
{
	static const uint16_t machines[] = {PE_MACHINE_X64, PE_MACHINE_I386, PE_MACHINE_ARM64};
	struct db_cert *db = NULL;
	uint16_t machine = 0;
	uint8_t *encoded = NULL;
	size_t len = 0;
	bool good = true;

	for (size_t i = 0; argc > 3 && i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(argv[2], pe_machine_name(machines[i])) == 0)
			machine = machines[i];
	}
	if (machine != 0)
		encoded = read_file(argv[1], &len);
	if (encoded)
		db = db_cert_new(bytes_of(encoded, len));
	free(encoded);
	if (!db) {
		fprintf(stderr, "usage: verify_image CERTIFICATE x64|ia32|arm64 IMAGE...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++)
		good = verify(argv[i], machine, db) && good;
	db_cert_free(db);
	return good ? 0 : 1;
}
