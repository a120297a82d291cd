/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edgepxe(1): the operator's tool, one command a module. A command returns the status to exit with;
 * 2 means everywhere that it could not even begin.
 */
#include "config.h"

#include "tool/probe.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"probe", probe_main, "boot from this LAN as a firmware would, without taking a lease"},
};

static void print_usage(FILE *stream)
{
	fputs("usage: edgepxe COMMAND [OPTION...]\n"
	      "       edgepxe --help | --version\n\n",
		stream);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\nedgepxe COMMAND --help says more; see edgepxe(1).\n", stream);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("edgepxe " PACKAGE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "edgepxe: no command '%s'\n", argv[1]);
	print_usage(stderr);
	return 2;
}
