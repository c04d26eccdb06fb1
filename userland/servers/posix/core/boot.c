/* SPDX-License-Identifier: MIT */
/* The boot command line. */
#include "boot.h"
#include "process_internal.h"

/* The word that begins with name, behind which stands end. */
static const char *find_word(const char *name, char end)
{
	const char *line = runtime_info()->command_line;
	size_t len = strlen(name);

	for (const char *word = line; *word; word++) {
		if ((word == line || word[-1] == ' ') && !strncmp(word, name, len) &&
		    (word[len] == end || (end == ' ' && !word[len])))
			return word + len;
	}
	return NULL;
}

bool boot_option(const char *name, const char *fallback, char *value, size_t size)
{
	const char *text = find_word(name, '=');
	size_t len = 0;

	if (!text) {
		strlcpy(value, fallback, size);
		return false;
	}
	for (text++; text[len] && text[len] != ' ' && len + 1 < size; len++)
		value[len] = text[len];
	value[len] = 0;
	return true;
}

bool boot_flag(const char *name)
{
	return find_word(name, ' ');
}
