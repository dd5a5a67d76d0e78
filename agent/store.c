#include "agent/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void take_losses(struct store_commit *work)
{
    work->loss_count = 0;
    while (work->loss_count < STORE_LOSSES_MAX &&
           spool_loss_next(work->spool, &work->losses[work->loss_count]) == OK) {
        work->loss_count++;
    }
}

// A settle that the spool has no range for stays at the front and is tried with the next commit.
static bool settle(struct store_commit *work)
{
    uint32_t done = 0;
    while (done < work->settle_count &&
           spool_settle(work->spool, work->settles[done].from, work->settles[done].to,
                        work->settles[done].how) == OK) {
        done++;
    }
    work->settle_count -= done;
    memmove(work->settles, work->settles + done, work->settle_count * sizeof work->settles[0]);
    return done > 0;
}

// A commit that is larger than a segment of a small ring goes block by block. What is durable
// leaves the commit, so that a try after an error goes on behind it; states go with the last block:
// a power cut between two of them may repeat records of an input, and loses none.
static enum err commit_in_parts(struct store_commit *work)
{
    struct spool_commit *all = &work->commit;
    while (all->block_count > 1) {
        const struct spool_commit part = {.blocks = all->blocks,
                                          .block_count = 1,
                                          .keys = all->keys,
                                          .key_count = all->key_count};
        enum err err = spool_commit(work->spool, &part);
        if (err != OK) {
            return err;
        }
        all->blocks++;
        all->block_count--;
        all->key_count = 0;
    }
    return spool_commit(work->spool, all);
}

void store_commit_work(struct job *job)
{
    struct store_commit *work = (struct store_commit *)job;
    bool settled = settle(work);
    work->result = spool_commit(work->spool, &work->commit);
    if (work->result == ERR_FULL && settled) {
        // What was settled must become durable before it makes room. No state goes with it: a
        // position belongs to the records that were refused.
        struct spool_commit nothing = {0};
        work->result = spool_commit(work->spool, &nothing);
        if (work->result == OK) {
            work->result = spool_commit(work->spool, &work->commit);
        }
    }
    if (work->result == ERR_LIMIT && work->commit.block_count > 1) {
        work->result = commit_in_parts(work);
    }
    take_losses(work);
    spool_stat(work->spool, &work->stat);
}

void store_read_work(struct job *job)
{
    struct store_read *work = (struct store_read *)job;
    work->result = spool_read(work->spool, work->seq, &work->block);
    if (work->result != OK) {
        return;
    }
    memcpy(work->bytes, work->block.payload.at, work->block.payload.size);
    work->block.payload.at = work->bytes;
}

static enum err write_all(int fd, struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.at, bytes.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return err_from_errno(errno);
        }
        bytes.at += written;
        bytes.size -= (size_t)written;
    }
    return OK;
}

static enum err append(int fd, const struct store_quarantine *work)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return err_from_errno(errno);
    }
    if ((uint64_t)status.st_size + work->line.size > work->limit_bytes) {
        return ERR_FULL;
    }
    enum err err = write_all(fd, buffer_bytes(&work->line));
    if (err == OK && fdatasync(fd) != 0) {
        err = err_from_errno(errno);
    }
    return err;
}

void store_quarantine_work(struct job *job)
{
    struct store_quarantine *work = (struct store_quarantine *)job;
    int fd = open(work->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        work->result = err_from_errno(errno);
        return;
    }
    work->result = append(fd, work);
    (void)close(fd);
}
