/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edgepxed(8): the command line, then the steps in their order: configuration, ports, background,
 * privileges, work.
 */
#include "config.h"

#include "base/log.h"
#include "daemon.h"
#include "io/background.h"
#include "io/sandbox.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_CONFIG SYSCONFDIR "/edgepxe/edgepxe.conf"

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* also: the configuration is refused */
	EXIT_USAGE = 2,
};

struct options {
	const char *config_path;
	const char *user;
	bool foreground;
	bool check_config;
	bool print_config;
};

static const char usage[] =
	"usage: edgepxed [--config FILE] [--foreground] [--user NAME]\n"
	"                [--check-config] [--print-config] [--version] [--help]\n"
	"\n"
	"  --config FILE   the configuration (default " DEFAULT_CONFIG ")\n"
	"  --foreground    stay there, and log to standard error instead of syslog\n"
	"  --user NAME     whom to become when started as root, instead of process.user\n"
	"  --check-config  judge the configuration and exit: 0 good, 1 not\n"
	"  --print-config  print the effective configuration and exit\n"
	"\n"
	"See edgepxed(8) and edgepxe.conf(5).\n";

/* Fills in the options; -1, or the status to exit with at once. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
	enum { OPT_CONFIG, OPT_FOREGROUND, OPT_USER, OPT_CHECK, OPT_PRINT, OPT_VERSION, OPT_HELP };
	static const struct option long_options[] = {
		{"config", required_argument, NULL, OPT_CONFIG},
		{"foreground", no_argument, NULL, OPT_FOREGROUND},
		{"user", required_argument, NULL, OPT_USER},
		{"check-config", no_argument, NULL, OPT_CHECK},
		{"print-config", no_argument, NULL, OPT_PRINT},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, OPT_HELP},
		{0},
	};
	struct options options = {.config_path = DEFAULT_CONFIG};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_CONFIG:
			options.config_path = optarg;
			break;
		case OPT_FOREGROUND:
			options.foreground = true;
			break;
		case OPT_USER:
			options.user = optarg;
			break;
		case OPT_CHECK:
			options.check_config = true;
			break;
		case OPT_PRINT:
			options.print_config = true;
			break;
		case OPT_VERSION:
			puts("edgepxed " PACKAGE_VERSION);
			return EXIT_OK;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_OK;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "edgepxed: unexpected argument '%s'\n%s", argv[optind], usage);
		return EXIT_USAGE;
	}
	*ret_options = options;
	return -1;
}

static void print_key(
	void *context, const char *section, const char *key, const char *value, const char *help)
{
	const char **last_section = context;

	if (!*last_section || strcmp(*last_section, section) != 0)
		printf("%s[%s]\n", *last_section ? "\n" : "", section);
	*last_section = section;
	printf("# %s\n%s =%s%s\n", help, key, value[0] ? " " : "", value);
}

/* A start waits for files that are missing; who asks for a judgment wants to hear of them. */
static int check_files(const struct options *options, const struct settings *settings)
{
	char error[CONFIG_ERROR_MAX];

	if (!settings_check_files(settings, options->config_path, error)) {
		fprintf(stderr, "%s\n", error);
		return EXIT_FAILED;
	}
	printf("%s: good\n", options->config_path);
	return EXIT_OK;
}

/* The path from any directory. Links in it stay: the next reload is to follow them anew. */
static char *absolute_path(const char *path)
{
	CLEANUP_FREE char *directory = NULL;
	char *absolute;

	if (path[0] == '/')
		return strdup(path);
	directory = getcwd(NULL, 0);
	return directory && asprintf(&absolute, "%s/%s", directory, path) >= 0 ? absolute : NULL;
}

static bool user_exists(const char *user)
{
	int r = sandbox_check_user(user);

	if (r < 0)
		log_error(
			"start-failed step=\"find user %s\" error=\"%s\" advice=\"systemd-sysusers "
			"makes the user edgepxe; process.user or --user names another\"",
			user, r == -ENOENT ? "there is no such user" : strerror(-r));
	return r == 0;
}

static int failed(const char *step, int r)
{
	log_error("start-failed step=\"%s\" error=\"%s\"", step, strerror(-r));
	return EXIT_FAILED;
}

static int go_to_background(int *ret_fd)
{
	int r = background_enter(ret_fd);

	if (r == 0)
		log_to_syslog("edgepxed");
	return r;
}

static int serve(const struct options *options, const char *config_path, struct settings *settings)
{
	CLEANUP(daemon_free_p) struct daemon *server = NULL;
	const char *user = options->user ? options->user : settings->config->process.user;
	const char *state_dir = settings->config->paths.state_dir;
	int caller = -1, r;

	umask(0027);
	signal(SIGPIPE, SIG_IGN);
	if (!user_exists(user)) {
		settings_free(settings);
		return EXIT_FAILED;
	}
	r = sandbox_own_directory(state_dir, user);
	if (r < 0)
		log_warning(
			"state-dir path=%s error=\"%s\" effect=\"what is served may not be there "
			"after a restart\"",
			state_dir, strerror(-r));
	if (daemon_new(settings, config_path, &server) < 0)
		return EXIT_FAILED;
	r = options->foreground ? 0 : go_to_background(&caller);
	if (r < 0)
		return failed("background", r);
	r = sandbox_drop_privileges(user);
	if (r < 0) {
		log_error("start-failed step=\"become user %s\" error=\"%s\"", user, strerror(-r));
		return EXIT_FAILED;
	}
	if (daemon_start(server) < 0)
		return EXIT_FAILED;
	r = options->foreground ? 0 : background_ready(caller);
	if (r < 0)
		return failed("background", r);
	return daemon_run(server) < 0 ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	CLEANUP_FREE char *config_path = NULL;
	const char *last_section = NULL;
	char error[CONFIG_ERROR_MAX];
	struct options options;
	int status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	config_path = absolute_path(options.config_path);
	if (!config_path)
		return failed("find the configuration", -errno);
	settings = settings_load(options.config_path, error);
	if (!settings) {
		fprintf(stderr, "%s\n", error);
		return EXIT_FAILED;
	}
	if (options.print_config)
		config_each(settings->config, print_key, &last_section);
	else if (options.check_config)
		return check_files(&options, settings);
	else
		return serve(&options, config_path, CLEANUP_STEAL(settings));
	return EXIT_OK;
}
