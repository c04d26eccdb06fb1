// SPDX-License-Identifier: MIT
/*
 * Windows: runs of blocks set aside, in memory only, behind the last block of a file that grows,
 * so that files which are written at the same time do not take turns in the same area.
 */
#include "ext4/internal.h"

static void window_release(struct ext4_fs *fs, struct window *window)
{
	blocks_unreserve(fs, window->start, window->count);
	window->count = 0;
}

/* Blocks for a file's logical block from its window, if it goes on there; returns how many. */
uint32_t window_take(struct ext4_fs *fs, uint32_t ino, uint32_t logical, uint32_t want, uint64_t *start)
{
	for (struct window *window = fs->windows; window < fs->windows + NR_WINDOWS; window++) {
		uint32_t count = MIN(want, window->count);

		if (window->ino != ino || !window->count)
			continue;
		if (window->logical != logical) {
			window_release(fs, window);
			return 0;
		}
		*start = window->start;
		window->start += count;
		window->logical += count;
		window->count -= count;
		window->stamp = ++fs->window_stamp;
		return count;
	}
	return 0;
}

/* Keeps reserved blocks for the file's next append; the window used longest ago makes room. */
void window_add(struct ext4_fs *fs, uint32_t ino, uint32_t logical, uint64_t start, uint32_t count)
{
	struct window *oldest = fs->windows;

	for (struct window *window = fs->windows; window < fs->windows + NR_WINDOWS; window++) {
		if (!window->count || window->ino == ino) {
			oldest = window;
			break;
		}
		if ((int32_t)(window->stamp - oldest->stamp) < 0)
			oldest = window;
	}
	if (oldest->count)
		window_release(fs, oldest);
	*oldest = (struct window){ ino, logical, start, count, ++fs->window_stamp };
}

void window_drop(struct ext4_fs *fs, uint32_t ino)
{
	for (struct window *window = fs->windows; window < fs->windows + NR_WINDOWS; window++)
		if (window->ino == ino && window->count)
			window_release(fs, window);
}

/* was there anything to give up? */
bool window_drop_all(struct ext4_fs *fs)
{
	bool any = false;

	for (struct window *window = fs->windows; window < fs->windows + NR_WINDOWS; window++) {
		any |= window->count > 0;
		if (window->count)
			window_release(fs, window);
	}
	return any;
}
