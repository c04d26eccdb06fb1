// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/vfs/page.c userland/servers/posix/vfs/page_index.c
// sources: userland/servers/posix/vfs/pagecache.c userland/servers/posix/vfs/iter.c tests/unit/posix/host.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
// flags: -Wno-missing-field-initializers -Wno-unused-parameter
/*
 * The page cache at the moments that another thread could use: what write-back finds when a page has just
 * become dirty, what a late lookup does to a page that is used anew, what a read brings back from a disk that
 * doesn't know of a truncation yet.
 */
#undef snprintf
#undef vsnprintf
#include "attr.h"
#include "check.h"
#include "file.h"
#include "inode.h"
#include "page.h"
#include "page_index.h"
#include "page_pool.h"
#include "pagecache.h"

#define NR_PAGES 16

static char arena[NR_PAGES][QUOIN_PAGE_SIZE];
static struct page pages[NR_PAGES];
static bool taken[NR_PAGES];

char *arena_base = arena[0];
struct page *arena_pages = pages;
quoin_handle arena_memobj;

struct page *page_alloc(bool zeroed)
{
	for (unsigned i = 0; i < NR_PAGES; i++) {
		if (taken[i])
			continue;
		taken[i] = true;
		memset(arena[i], zeroed ? 0 : 0xee, QUOIN_PAGE_SIZE);
		pages[i] = (struct page){ .refs = 1 };
		return &pages[i];
	}
	return NULL;
}

void page_free(struct page *page)
{
	CHECK_OR_STOP(taken[page - pages] && page->refs == 0);
	taken[page - pages] = false;
}

static unsigned pages_taken(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NR_PAGES; i++)
		count += taken[i];
	return count;
}

/* The rest of the server. */

size_t copy_from_user_partial(void *dst, uint64_t src, size_t len)
{
	memcpy(dst, (const void *)src, len);
	return 0;
}

size_t copy_to_user_partial(uint64_t dst, const void *src, size_t len)
{
	memcpy((void *)dst, src, len);
	return 0;
}

long clear_user(uint64_t dst, size_t len)
{
	memset((void *)dst, 0, len);
	return 0;
}

void attr_strip_privilege(struct inode *inode)
{
}

void inode_touch_atime(struct file *file)
{
}

void inode_touch_mtime(struct inode *inode)
{
}

void inode_memobj_follow_size(struct inode *inode)
{
}

void writeback_balance(struct inode *inode)
{
}

uint64_t page_pool_size(void)
{
	return NR_PAGES;
}

uint64_t memory_free_pages(void)
{
	return UINT64_MAX;
}

uint64_t memory_low_pages(void)
{
	return 0;
}

/* The disk holds 'd' everywhere, and gives at most disk_limit pages at a time. */
static unsigned disk_limit = NR_PAGES;
static int disk_error;

static long disk_read(struct inode *inode, uint64_t index, struct page **batch, unsigned nr)
{
	nr = MIN(nr, disk_limit);
	for (unsigned i = 0; i < nr && !disk_error; i++)
		memset(page_address(batch[i]), 'd', QUOIN_PAGE_SIZE);
	return disk_error ? disk_error : (long)nr;
}

static const struct inode_ops disk_ops = { .read_pages = disk_read };
static struct superblock sb;

/* From here on write-back may come: it writes what lies within the size, and believes the page clean then. */
static unsigned nr_marked;

void inode_mark_dirty(struct inode *inode)
{
	for (unsigned i = 0; i < NR_PAGES; i++) {
		int64_t start = (int64_t)pages[i].index * QUOIN_PAGE_SIZE;

		if (!taken[i] || pages[i].inode != inode)
			continue;
		for (unsigned at = 0; at < QUOIN_PAGE_SIZE; at++)
			if (arena[i][at] == 'w')
				CHECK_OR_STOP(start + at < inode->size);
	}
	nr_marked++;
}

static void file_init(struct file *file, struct inode *inode, int64_t size)
{
	memset(inode, 0, sizeof(*inode));
	memset(file, 0, sizeof(*file));
	inode->sb = &sb;
	inode->ops = &disk_ops;
	inode->size = size;
	file->inode = inode;
}

static void file_fini(struct inode *inode)
{
	pagecache_drop(inode);
	CHECK_EQ(pages_taken(), 0);
}

static long file_io(struct file *file, char *buffer, size_t len, int64_t pos, bool write)
{
	struct io_iter iter;

	iter_init_kernel(&iter, buffer, len);
	return write ? pagecache_write(file, &iter, &pos) : pagecache_read(file, &iter, &pos);
}

static void test_size_before_dirty(void)
{
	static char bytes[3 * QUOIN_PAGE_SIZE];
	struct inode inode;
	struct file file;

	memset(bytes, 'w', sizeof(bytes));
	file_init(&file, &inode, 0);
	CHECK_EQ(file_io(&file, bytes, 100, 0, true), 100);
	CHECK_EQ(file_io(&file, bytes, sizeof(bytes), 100, true), sizeof(bytes));
	CHECK_EQ(inode.size, 100 + sizeof(bytes));
	CHECK_EQ(nr_marked, 4);
	file_fini(&inode);
}

/* A lookup took a reference between allocation and use: nobody's count may be lost. */
static void test_late_lookup(void)
{
	struct page *page = page_alloc(true);
	struct inode inode;
	struct file file;

	file_init(&file, &inode, QUOIN_PAGE_SIZE);
	CHECK(page_try_get(page));
	CHECK_EQ(page_attach(&inode, 0, page, PAGE_VALID), 0);
	page_put(page); /* the late one sees that the page isn't what it looked for */
	page_put(page);
	CHECK_EQ(page->refs, 1);
	CHECK(page_lookup(&inode, 0) == page);
	page_put(page);
	file_fini(&inode);
}

/* A page that finds its place taken was never this file's. */
static void test_place_taken(void)
{
	struct page *first = page_alloc(true), *second = page_alloc(true);
	struct inode inode;
	struct file file;

	file_init(&file, &inode, QUOIN_PAGE_SIZE);
	CHECK_EQ(page_attach(&inode, 0, first, PAGE_VALID), 0);
	CHECK_EQ(page_attach(&inode, 0, second, PAGE_BUSY), -EEXIST);
	CHECK(!second->inode && second->refs == 1);
	page_put(first);
	page_put(second);
	file_fini(&inode);
}

/* The reader had seen the old size; the disk frees the blocks only later. */
static void test_no_old_bytes_behind_the_end(void)
{
	static char zeros[QUOIN_PAGE_SIZE], bytes[QUOIN_PAGE_SIZE];
	struct inode inode;
	struct file file;
	struct page *page;

	file_init(&file, &inode, 3 * QUOIN_PAGE_SIZE);
	pagecache_truncate(&inode, QUOIN_PAGE_SIZE);
	CHECK_EQ(page_obtain(&inode, 2, &page), 0);
	page_put(page);
	CHECK(page_fill(&inode, 0, 3) >= 1);
	pagecache_truncate(&inode, 3 * QUOIN_PAGE_SIZE);
	CHECK_EQ(file_io(&file, bytes, sizeof(bytes), 2 * QUOIN_PAGE_SIZE, false), sizeof(bytes));
	CHECK(memcmp(bytes, zeros, sizeof(bytes)) == 0);
	CHECK_EQ(file_io(&file, bytes, sizeof(bytes), 0, false), sizeof(bytes));
	CHECK_EQ(bytes[0], 'd');
	file_fini(&inode);
}

/* Fewer pages than were asked for are no error, for none of them; an error is the reader's. */
static void test_short_read(void)
{
	static char bytes[8 * QUOIN_PAGE_SIZE];
	struct inode inode;
	struct file file;

	file_init(&file, &inode, sizeof(bytes));
	disk_limit = 3;
	CHECK_EQ(file_io(&file, bytes, sizeof(bytes), 0, false), sizeof(bytes));
	CHECK(memchr(bytes, 'd', 1) && bytes[sizeof(bytes) - 1] == 'd');
	pagecache_truncate(&inode, 0);
	inode.size = sizeof(bytes);
	disk_error = -EIO;
	CHECK_EQ(file_io(&file, bytes, sizeof(bytes), 0, false), -EIO);
	disk_error = 0;
	disk_limit = NR_PAGES;
	file_fini(&inode);
}

int main(void)
{
	test_size_before_dirty();
	test_late_lookup();
	test_place_taken();
	test_no_old_bytes_behind_the_end();
	test_short_read();
	return check_result();
}
