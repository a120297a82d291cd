/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each case drops privileges in a child of its own, for there is no way back. Those that need root
 * are skipped without it, and say so.
 */
#include "tests/unit/unit.h"

#include "io/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIND_SERVICE 0x400ULL

/* A hexadecimal line of /proc/self/status. */
static unsigned long long status_of(const char *key)
{
	char line[256];
	unsigned long long value = ~0ULL;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtoull(line + strlen(key), NULL, 16);
	if (file)
		fclose(file);
	return value;
}

static bool can_bind_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool bound;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return bound;
}

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "not so: %s\n", #condition);                               \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void in_a_child(void (*run)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		run();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void needs_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: not root\n");
	skip();
}

static void as_nobody(void)
{
	const struct passwd *nobody = getpwnam("nobody");
	uid_t uid = nobody->pw_uid;
	gid_t gid = nobody->pw_gid;
	gid_t groups[8];

	EXPECT(sandbox_drop_privileges("nobody") == 0);
	EXPECT(getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid);
	EXPECT(getgroups(8, groups) == 1 && groups[0] == gid);
	EXPECT(status_of("CapEff:") == BIND_SERVICE);
	EXPECT(status_of("CapPrm:") == BIND_SERVICE);
	EXPECT(status_of("CapInh:") == 0);
	EXPECT(status_of("CapBnd:") == BIND_SERVICE);
	EXPECT(status_of("CapAmb:") == 0);
	EXPECT(status_of("NoNewPrivs:") == 1);
	EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	EXPECT(setuid(0) < 0);
	EXPECT(can_bind_to(69));
}

static void with_few_descriptors(void)
{
	struct rlimit limit;

	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= 256);
	limit.rlim_cur = 64;
	limit.rlim_max = 256;
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	EXPECT(sandbox_allow_descriptors(100) == 0);
	EXPECT(sandbox_allow_descriptors(50) == 0);
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 100);
	EXPECT(geteuid() != 0 || setuid(65534) == 0);
	EXPECT(sandbox_allow_descriptors(1000) == -EPERM);
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 256);
}

static void test_descriptors_as_many_as_the_hard_limit_has(void **state)
{
	(void)state;
	in_a_child(with_few_descriptors);
}

static void test_root_becomes_the_user(void **state)
{
	(void)state;
	needs_root();
	in_a_child(as_nobody);
}

static void as_root(void)
{
	EXPECT(sandbox_drop_privileges("root") == 0);
	EXPECT(getuid() == 0);
	EXPECT(status_of("CapEff:") == BIND_SERVICE);
	EXPECT(status_of("CapPrm:") == BIND_SERVICE);
	EXPECT(setuid(65534) < 0);
}

static void test_root_stays_root_when_told(void **state)
{
	(void)state;
	needs_root();
	in_a_child(as_root);
}

static void as_a_user_without_anything(void)
{
	EXPECT(setuid(65534) == 0);
	EXPECT(status_of("CapEff:") == 0);
	EXPECT(sandbox_drop_privileges("nobody") == 0);
	EXPECT(status_of("CapEff:") == 0);
	EXPECT(status_of("NoNewPrivs:") == 1);
}

static void test_an_ordinary_user_loses_nothing(void **state)
{
	(void)state;
	needs_root();
	in_a_child(as_a_user_without_anything);
}

static void as_a_user_with_all(void)
{
	EXPECT(prctl(PR_SET_KEEPCAPS, 1) == 0);
	EXPECT(setuid(65534) == 0);
	EXPECT(status_of("CapPrm:") != BIND_SERVICE);
	EXPECT(sandbox_drop_privileges("no-such-user-is-looked-up") == 0);
	EXPECT(status_of("CapPrm:") == BIND_SERVICE);
	EXPECT(can_bind_to(69));
}

static void test_a_user_with_capabilities_keeps_one(void **state)
{
	(void)state;
	needs_root();
	in_a_child(as_a_user_with_all);
}

static void as_nobody_knows_whom(void)
{
	EXPECT(sandbox_check_user("nobody") == 0);
	EXPECT(sandbox_check_user("no-such-user-here") == -ENOENT);
	EXPECT(sandbox_drop_privileges("no-such-user-here") == -ENOENT);
	EXPECT(getuid() == 0);
}

static void test_an_unknown_user(void **state)
{
	(void)state;
	needs_root();
	in_a_child(as_nobody_knows_whom);
}

static void test_a_file_is_given_to_nobody(void **state)
{
	char path[] = "/tmp/test_sandbox.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sandbox_own_directory(path, "nobody"), -ENOTDIR);
	unlink(path);
}

static void as_whoever_runs_the_test(void)
{
	EXPECT(sandbox_drop_privileges("nobody") == 0);
	EXPECT((status_of("CapEff:") & ~BIND_SERVICE) == 0);
	EXPECT((status_of("CapPrm:") & ~BIND_SERVICE) == 0);
	EXPECT(status_of("NoNewPrivs:") == 1);
}

static void test_whoever_it_is(void **state)
{
	(void)state;
	in_a_child(as_whoever_runs_the_test);
}

static uid_t owner_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_uid;
}

static void test_a_directory_is_given_away_and_nothing_else(void **state)
{
	char base[] = "/tmp/test-sandbox-XXXXXX", path[64], other[64];
	uid_t nobody;

	(void)state;
	needs_root();
	nobody = getpwnam("nobody")->pw_uid;
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/made", base);
	assert_int_equal(sandbox_own_directory(path, "nobody"), 0);
	assert_int_equal(owner_of(path), nobody);

	snprintf(other, sizeof(other), "%s/file", base);
	close(creat(other, 0600));
	assert_int_equal(sandbox_own_directory(other, "nobody"), -ENOTDIR);
	assert_int_equal(owner_of(other), 0);
	assert_int_equal(unlink(other), 0);

	snprintf(other, sizeof(other), "%s/link", base);
	assert_int_equal(symlink("/etc", other), 0);
	assert_int_equal(sandbox_own_directory(other, "nobody"), 0);
	assert_int_equal(owner_of(other), 0);
	assert_int_equal(owner_of("/etc"), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(base), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whoever_it_is),
		cmocka_unit_test(test_descriptors_as_many_as_the_hard_limit_has),
		cmocka_unit_test(test_root_becomes_the_user),
		cmocka_unit_test(test_root_stays_root_when_told),
		cmocka_unit_test(test_an_ordinary_user_loses_nothing),
		cmocka_unit_test(test_a_user_with_capabilities_keeps_one),
		cmocka_unit_test(test_an_unknown_user),
		cmocka_unit_test(test_a_file_is_given_to_nobody),
		cmocka_unit_test(test_a_directory_is_given_away_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
