/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "io/file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LIMIT 4096

struct fixture {
	char path[64];
	struct file_store *store;
};

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	(void)status, (void)flag, (void)walk;
	return remove(path);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	snprintf(fixture->path, sizeof(fixture->path), "/tmp/edgepxe-store.XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	assert_int_equal(file_store_open(fixture->path, &fixture->store), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	file_store_close(fixture->store);
	nftw(fixture->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

static void reopen(struct fixture *fixture)
{
	file_store_close(fixture->store);
	assert_int_equal(file_store_open(fixture->path, &fixture->store), 0);
}

static const char *below(const struct fixture *fixture, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	return path;
}

static bool exists(const struct fixture *fixture, const char *name)
{
	struct stat status;

	return lstat(below(fixture, name), &status) == 0;
}

static void put(const struct fixture *fixture, const char *name, const char *text)
{
	int fd = open(below(fixture, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A generation of two files with the same text, so that a mixed one shows. */
static int commit(struct file_store *store, const char *text)
{
	const struct file_store_item items[] = {
		{"image", bytes_of_string(text)},
		{"db", bytes_of_string(text)},
	};

	return file_store_commit(store, items, 2);
}

static int read_text(const struct fixture *fixture, const char *name, char text[LIMIT])
{
	CLEANUP_FREE uint8_t *data = NULL;
	size_t len;
	int r = file_store_read(fixture->store, name, LIMIT - 1, &data, &len);

	if (r < 0)
		return r;
	memcpy(text, data, len);
	text[len] = '\0';
	return 0;
}

static void assert_current(const struct fixture *fixture, const char *expected)
{
	char text[LIMIT];

	assert_int_equal(read_text(fixture, "image", text), 0);
	assert_string_equal(text, expected);
	assert_int_equal(read_text(fixture, "db", text), 0);
	assert_string_equal(text, expected);
}

static void test_a_new_store_is_empty(void **state)
{
	char text[LIMIT];

	assert_int_equal(read_text(*state, "image", text), -ENOENT);
}

static void test_a_commit_replaces_the_generation_before(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(commit(fixture->store, "one"), 0);
	assert_current(fixture, "one");
	assert_int_equal(commit(fixture->store, "two"), 0);
	assert_current(fixture, "two");
	assert_false(exists(fixture, "generation.1"));
	reopen(fixture);
	assert_current(fixture, "two");
	assert_int_equal(commit(fixture->store, ""), 0);
	assert_current(fixture, "");
}

static void test_leftovers_of_a_crash_are_cleared(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(commit(fixture->store, "good"), 0);
	assert_int_equal(mkdir(below(fixture, "generation.2"), 0700), 0);
	put(fixture, "generation.2/image", "half");
	assert_int_equal(symlink("generation.2", below(fixture, "current.next")), 0);
	put(fixture, "operators-own-file", "kept");
	reopen(fixture);
	assert_current(fixture, "good");
	assert_false(exists(fixture, "generation.2"));
	assert_false(exists(fixture, "current.next"));
	assert_true(exists(fixture, "operators-own-file"));
	assert_int_equal(commit(fixture->store, "next"), 0);
	assert_current(fixture, "next");
}

static void test_a_link_to_elsewhere_is_not_followed(void **state)
{
	static const char *const targets[] = {"/etc", "../etc", "generation.1/../..",
		"generation.01", "generation.", "generation.-1", "generation.99999999999999999999",
		"generation.1x"};
	struct fixture *fixture = *state;
	char text[LIMIT];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		unlink(below(fixture, "current"));
		assert_int_equal(symlink(targets[i], below(fixture, "current")), 0);
		reopen(fixture);
		assert_int_equal(read_text(fixture, "passwd", text), -EINVAL);
	}
	assert_int_equal(commit(fixture->store, "ours"), 0);
	assert_current(fixture, "ours");
}

static void test_a_generation_or_file_that_is_a_link_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char text[LIMIT];

	assert_int_equal(commit(fixture->store, "good"), 0);
	assert_int_equal(unlink(below(fixture, "generation.1/image")), 0);
	assert_int_equal(symlink("/etc/passwd", below(fixture, "generation.1/image")), 0);
	assert_int_equal(read_text(fixture, "image", text), -ELOOP);
	assert_int_equal(unlink(below(fixture, "current")), 0);
	assert_int_equal(symlink("/etc", below(fixture, "generation.7")), 0);
	assert_int_equal(symlink("generation.7", below(fixture, "current")), 0);
	assert_true(read_text(fixture, "passwd", text) < 0);
}

static void test_what_is_no_plain_file_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char text[LIMIT];

	assert_int_equal(commit(fixture->store, "good"), 0);
	assert_int_equal(mkfifo(below(fixture, "generation.1/fifo"), 0600), 0);
	assert_int_equal(read_text(fixture, "fifo", text), -EINVAL);
	assert_int_equal(read_text(fixture, "../current", text), -EINVAL);
	assert_int_equal(read_text(fixture, "..", text), -EINVAL);
	assert_int_equal(read_text(fixture, "none", text), -ENOENT);
}

static void test_a_file_over_the_limit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *data = NULL;
	size_t len;

	assert_int_equal(commit(fixture->store, "12345"), 0);
	assert_int_equal(file_store_read(fixture->store, "image", 4, &data, &len), -EFBIG);
	assert_int_equal(file_read(below(fixture, "current/image"), 4, &data, &len), -EFBIG);
	assert_null(data);
	assert_int_equal(file_read(below(fixture, "current/image"), 5, &data, &len), 0);
	assert_int_equal(len, 5);
	free(data);
}

static void test_a_name_that_is_no_file_name_is_not_written(void **state)
{
	static const char *const names[] = {"", ".", "..", "a/b", "/etc/passwd", ".hidden"};
	struct fixture *fixture = *state;

	assert_int_equal(commit(fixture->store, "good"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct file_store_item item = {names[i], bytes_of_string("bad")};

		assert_int_equal(file_store_commit(fixture->store, &item, 1), -EINVAL);
	}
	assert_current(fixture, "good");
	assert_int_equal(commit(fixture->store, "better"), 0);
	assert_current(fixture, "better");
}

/* --- a power failure at each system call ----------------------------------------------------- */

/* Runs a commit in a child that dies before its system call number `n`. False: it got through. */
static bool commit_killed_at(const char *path, const char *text, unsigned n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct file_store *store;

		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		raise(SIGSTOP);
		_exit(file_store_open(path, &store) < 0 || commit(store, text) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* Each call stops twice: before it and after it. */
	for (unsigned stops = 0; WIFSTOPPED(status) && stops < 2 * n; stops++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

static void test_a_kill_at_any_system_call_leaves_a_whole_generation(void **state)
{
	struct fixture *fixture = *state;
	bool killed = true;
	unsigned n_old = 0;
	unsigned n_new = 0;

	for (unsigned n = 1; killed; n++) {
		char text[LIMIT];

		assert_true(n < 500);
		assert_int_equal(commit(fixture->store, "old"), 0);
		killed = commit_killed_at(fixture->path, "new", n);
		reopen(fixture);
		assert_int_equal(read_text(fixture, "image", text), 0);
		assert_true(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
		assert_current(fixture, text);
		strcmp(text, "old") == 0 ? n_old++ : n_new++;
	}
	assert_true(n_old > 10);
	assert_true(n_new > 1);
}

static void test_a_store_that_is_not_there_is_an_error(void **state)
{
	struct file_store *store;

	(void)state;
	assert_int_equal(file_store_open("/nonexistent/store", &store), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_store_is_empty),
		TEST(test_a_commit_replaces_the_generation_before),
		TEST(test_leftovers_of_a_crash_are_cleared),
		TEST(test_a_link_to_elsewhere_is_not_followed),
		TEST(test_a_generation_or_file_that_is_a_link_is_refused),
		TEST(test_what_is_no_plain_file_is_refused),
		TEST(test_a_file_over_the_limit_is_refused),
		TEST(test_a_name_that_is_no_file_name_is_not_written),
		TEST(test_a_kill_at_any_system_call_leaves_a_whole_generation),
		cmocka_unit_test(test_a_store_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
