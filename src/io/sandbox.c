/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up privilege, by way of libcap-ng. Invariant: success means that it was looked at
 * afterwards and no capability but CAP_NET_BIND_SERVICE is left, effective or permitted.
 *
 * A service manager may have left nothing to give up and forbidden capset(2) (systemd's
 * "~@privileged" answers EPERM), so nothing is dropped that is not there.
 */
#include "io/sandbox.h"

#include "base/cleanup.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* libcap-ng's failures have numbers of their own. */
static int error_of(int result)
{
	return result < 0 ? -EPERM : 0;
}

/* True when `set` has a capability other than the one that is kept. */
static bool has_others(capng_type_t set)
{
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (capability != CAP_NET_BIND_SERVICE && capng_have_capability(set, capability))
			return true;
	return false;
}

static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (!user)
		return errno > 0 && errno != ESRCH ? -errno : -ENOENT;
	*ret_uid = user->pw_uid;
	*ret_gid = user->pw_gid;
	return 0;
}

/* Without CAP_SETPCAP (a container) the bounding set stays: no_new_privs makes it a dead letter. */
static int limit_bounding_set(void)
{
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) || !has_others(CAPNG_BOUNDING_SET))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_NET_BIND_SERVICE);
	return error_of(capng_apply(CAPNG_SELECT_BOUNDS));
}

/* Lets libcap-ng's picture of us hold the one capability, as far as we have it. */
static void keep_bind_service(void)
{
	bool permitted = capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);

	capng_clear(CAPNG_SELECT_CAPS);
	if (permitted)
		capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			CAP_NET_BIND_SERVICE);
}

static int drop_as_root(const char *user)
{
	uid_t uid;
	gid_t gid;
	int r = find_user(user, &uid, &gid);

	if (r < 0)
		return r;
	r = limit_bounding_set();
	if (r < 0)
		return r;
	keep_bind_service();
	if (uid == 0)
		return error_of(capng_apply(CAPNG_SELECT_CAPS));
	return error_of(capng_change_id((int)uid, (int)gid, CAPNG_INIT_SUPP_GRP));
}

static int drop_as_user(void)
{
	int r = limit_bounding_set();

	if (r < 0 || (!has_others(CAPNG_EFFECTIVE) && !has_others(CAPNG_PERMITTED)))
		return r;
	keep_bind_service();
	return error_of(capng_apply(CAPNG_SELECT_CAPS));
}

int sandbox_drop_privileges(const char *user)
{
	int r;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	r = geteuid() == 0 ? drop_as_root(user) : drop_as_user();
	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0
		|| prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		|| prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (capng_get_caps_process() < 0 || has_others(CAPNG_EFFECTIVE)
		|| has_others(CAPNG_PERMITTED))
		return -EPERM;
	return 0;
}

int sandbox_check_user(const char *user)
{
	uid_t uid;
	gid_t gid;

	return geteuid() == 0 ? find_user(user, &uid, &gid) : 0;
}

int sandbox_allow_descriptors(unsigned count)
{
	struct rlimit limit, wider;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur >= count)
		return 0;
	if (count <= limit.rlim_max) {
		limit.rlim_cur = count;
		return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
	}
	wider.rlim_cur = wider.rlim_max = count;
	if (setrlimit(RLIMIT_NOFILE, &wider) == 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return -EPERM;
}

/* Through a descriptor: what was looked at is what changes hands. */
int sandbox_own_directory(const char *path, const char *user)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat status;
	uid_t uid;
	gid_t gid;
	int r;

	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode))
		return -ENOTDIR;
	if (geteuid() != 0 || S_ISLNK(status.st_mode))
		return 0;
	r = find_user(user, &uid, &gid);
	if (r < 0)
		return r;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}
