// SPDX-License-Identifier: MIT
/*
 * Mounting, and the frame around every operation.
 *
 * op_begin_...() takes the lock and refuses what the state forbids; op_end() drops it.  Between the
 * two an operation changes blocks in the cache only.  fs_writeback() brings all changes to the
 * disk between two operations: through the journal (journal.h), or where there is none
 *
 *	superblock "not clean" | flush | changed blocks | flush | superblock "clean" | flush
 *
 * so that e2fsck finds nothing to do after a sync, also while mounted.
 */
#include "ext4/internal.h"

#define SPARE_BLOCKS 1024

static int device_flush(struct ext4_fs *fs)
{
	return fs->env.flush(fs->env.ctx);
}

static int super_write_state(struct ext4_fs *fs, bool valid)
{
	int err;

	if (valid)
		fs->sb.s_state |= EXT4_STATE_VALID;
	else
		fs->sb.s_state &= (uint16_t)~EXT4_STATE_VALID;
	err = super_write(fs);
	return err ? err : device_flush(fs);
}

static int writeback_in_place(struct ext4_fs *fs)
{
	bool valid = fs->sb.s_state & EXT4_STATE_VALID;
	int err = super_write_state(fs, false);

	if (!err)
		err = cache_writeback(fs);
	if (!err)
		err = device_flush(fs);
	if (!err)
		return super_write_state(fs, valid);
	fs->sb.s_state |= valid ? EXT4_STATE_VALID : 0; /* for the next try, if it was memory that lacked */
	return err;
}

/*
 * What is larger than the log.  The last transaction, which is older, must not come back over it; and the
 * superblock, which says "not clean" meanwhile, is not one of the blocks.
 */
static int writeback_oversized(struct ext4_fs *fs)
{
	int err = journal_clear(fs);

	buf_drop(fs, EXT4_SUPER_OFFSET >> fs->block_shift);
	return err ? err : writeback_in_place(fs);
}

/*
 * Once the log has the transaction, all else must follow: nothing fails for want of memory, and begins again,
 * behind what a sync may build upon.
 */
static int writeback_journaled(struct ext4_fs *fs)
{
	struct pair *pairs;
	int err = super_to_cache(fs);

	if (err)
		return err;
	pairs = cache_dirty_sorted(fs);
	if (!pairs)
		return -ENOMEM;
	err = journal_commit(fs, pairs);
	if (!err) {
		err = cache_write_dirty(fs, pairs);
		if (!err)
			err = device_flush(fs);
		err = err == -ENOMEM ? -EIO : err;
	}
	mem_free(fs, pairs);
	return err == -E2BIG ? writeback_oversized(fs) : err;
}

static int writeback_changes(struct ext4_fs *fs)
{
	int err = groups_flush(fs);

	if (err)
		return err;
	return journal_is_active(fs) ? writeback_journaled(fs) : writeback_in_place(fs);
}

int fs_writeback(struct ext4_fs *fs)
{
	int err;

	if (fs->readonly || fs->failed)
		return 0;
	if (!fs->cache.nr_dirty && !fs->sb_changed)
		return device_flush(fs);
	err = writeback_changes(fs);
	if (err == -ENOMEM)
		return err; /* what is dirty stays so, and the next write-back begins again */
	if (err) {
		fs_log(fs, "write error %d; read-only from here on", err);
		fs->failed = true;
		return err;
	}
	fs->sb_changed = false;
	blocks_release_freed(fs);
	return 0;
}

int op_begin_read(struct ext4_fs *fs)
{
	fs->env.lock(fs->env.ctx);
	return 0;
}

int op_begin_write(struct ext4_fs *fs)
{
	fs->env.lock(fs->env.ctx);
	/* nearly full, but something was freed: a write-back makes that usable */
	if (fs->nr_freed && fs->free_blocks - fs->held_blocks < SPARE_BLOCKS)
		fs_writeback(fs);
	if (!fs->readonly && !fs->failed)
		return 0;
	fs->env.unlock(fs->env.ctx);
	return -EROFS;
}

/* Hands ret on: that a write-back had no memory is not the operation's failure, which is done. */
int op_end(struct ext4_fs *fs, int ret)
{
	if (!fs->failed &&
	    (fs->cache.nr_dirty > fs->cache.max / 2 || journal_is_pressed(fs, fs->cache.nr_dirty))) {
		int err = fs_writeback(fs);

		if (err && err != -ENOMEM && ret >= 0)
			ret = err;
	}
	if (fs->failed && !fs->readonly) {
		fs->readonly = true;
		journal_mark_error(fs);
		super_mark_error(fs);
	}
	fs->env.unlock(fs->env.ctx);
	return ret;
}

static void fs_destroy(struct ext4_fs *fs)
{
	struct ext4_env env = fs->env;

	if (fs->cache.hash)
		cache_fini(fs);
	for (uint32_t i = 0; fs->groups && i < fs->nr_groups; i++)
		mem_free(fs, fs->groups[i].busy);
	orphan_fini(fs);
	mem_free(fs, fs->journal);
	mem_free(fs, fs->groups);
	mem_free(fs, fs->zones);
	mem_free(fs, fs->freed);
	env.free(env.ctx, fs);
}

static int fs_check_root(struct ext4_fs *fs)
{
	struct inode root;
	int err = inode_get(fs, EXT4_ROOT_INO, &root);

	if (err)
		return err;
	if (!inode_is_dir(&root))
		err = fs_corrupt(fs, "the root inode is not a directory");
	inode_put(&root);
	return err;
}

static int fs_open(struct ext4_fs *fs)
{
	int err = super_read(fs);

	if (!err)
		err = cache_init(fs);
	if (!err)
		err = journal_open(fs);
	if (!err)
		err = groups_load(fs);
	if (!err)
		err = zones_build(fs);
	if (!err)
		err = fs_check_root(fs);
	if (err || fs->readonly)
		return err;
	if (!(fs->sb.s_state & EXT4_STATE_VALID) || fs->sb.s_state & EXT4_STATE_ERROR)
		fs_log(fs, "it was not unmounted cleanly: e2fsck is recommended");
	fs->sb.s_mtime = fs_now(fs);
	fs->sb.s_mnt_count++;
	fs->sb_changed = true;
	err = journal_start(fs);
	if (!err)
		err = orphan_load(fs);
	if (!err)
		err = orphan_release_all(fs);
	return err ? err : fs_writeback(fs);
}

int ext4_mount(const struct ext4_env *env, unsigned flags, struct ext4_fs **out)
{
	struct ext4_fs *fs = env->alloc(env->ctx, sizeof(*fs));
	struct ext4_time now;
	int err;

	if (!fs)
		return -ENOMEM;
	memset(fs, 0, sizeof(*fs));
	fs->env = *env;
	fs->readonly = flags & EXT4_MOUNT_RDONLY;
	env->now(env->ctx, &now);
	fs->random = (uint32_t)now.sec ^ now.nsec << 2;
	err = fs_open(fs);
	if (err) {
		fs_destroy(fs);
		return err;
	}
	fs->random ^= crc32c(0, fs->sb.s_uuid, sizeof(fs->sb.s_uuid));
	*out = fs;
	return 0;
}

int ext4_sync(struct ext4_fs *fs)
{
	int err;

	op_begin_read(fs);
	err = fs->failed ? -EIO : fs_writeback(fs);
	return op_end(fs, err);
}

uint64_t ext4_transaction(struct ext4_fs *fs)
{
	uint64_t sequence;

	op_begin_read(fs);
	sequence = journal_sequence(fs);
	op_end(fs, 0);
	return sequence;
}

uint64_t ext4_committed(struct ext4_fs *fs)
{
	uint64_t sequence;

	op_begin_read(fs);
	sequence = journal_committed(fs);
	op_end(fs, 0);
	return sequence;
}

bool ext4_is_dirty(struct ext4_fs *fs)
{
	bool dirty;

	op_begin_read(fs);
	dirty = !fs->failed && (fs->cache.nr_dirty || fs->sb_changed);
	op_end(fs, 0);
	return dirty;
}

void ext4_shrink(struct ext4_fs *fs)
{
	op_begin_read(fs);
	cache_shrink(fs, 0);
	op_end(fs, 0);
}

int ext4_unmount(struct ext4_fs *fs)
{
	int err = op_begin_write(fs);

	if (!err) {
		int released = op_end(fs, orphan_release_all(fs));

		/* what is still an orphan, for want of memory, the next mount frees */
		err = ext4_sync(fs);
		if (!err)
			err = journal_stop(fs);
		err = err ? err : released;
	} else if (!fs->failed) {
		err = 0; /* it was mounted read-only */
	}
	fs_destroy(fs);
	return err;
}

void ext4_statfs(struct ext4_fs *fs, struct ext4_statfs *out)
{
	uint64_t reserved;

	op_begin_read(fs);
	reserved = fs->sb.s_r_blocks_count_lo;
	if (fs_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		reserved |= (uint64_t)fs->sb.s_r_blocks_count_hi << 32;
	*out = (struct ext4_statfs){
		.blocks = fs->nr_blocks - MIN(fs->overhead, fs->nr_blocks),
		.blocks_free = fs->free_blocks,
		.blocks_avail = fs->free_blocks - MIN(reserved, fs->free_blocks),
		.inodes = fs->sb.s_inodes_count,
		.inodes_free = fs->free_inodes,
		.block_size = fs->block_size,
		.name_max = EXT4_NAME_MAX,
		.readonly = fs->readonly || fs->failed,
		.failed = fs->failed,
	};
	memcpy(out->uuid, fs->sb.s_uuid, sizeof(out->uuid));
	memcpy(out->label, fs->sb.s_volume_name, sizeof(out->label));
	op_end(fs, 0);
}
