#include "base/fail.h"
#include "net/fd_stream.h"
#include "net/file_io.h"
#include "net/quiet.h"

#include <errno.h>
#include <sys/sendfile.h>

/* What may be the file's fault, or only this way of reading it: copying tells. */
static bool is_about_the_file(int error)
{
    switch (error) {
    case EINVAL:
    case ENOSYS:
    case EPERM:
    case EACCES:
    case EBADF:
    case EIO:
    case EISDIR:
    case EOVERFLOW:
    case ESPIPE:
        return true;
    }
    return false;
}

ssize_t proa__fd_stream_sendfile(struct proa_stream *s, int file, int64_t at, size_t n)
{
    struct fd_stream *f = (struct fd_stream *)s;
    struct quiet quiet;
    off_t from = at;
    ssize_t took;
    int error;

    if (proa__file_faults & FILE_NO_SENDFILE)
        return PROA_EOPNOTSUPP;
    if (!(f->io.bits & IO_WRITE))
        return PROA_EAGAIN;
    proa__quiet_begin(&quiet);
    do {
        proa__file_counts.sendfiles++;
        took = sendfile(f->io.fd, file, &from, n);
    } while (took < 0 && errno == EINTR);
    error = errno;
    proa__quiet_end(&quiet, took < 0 && error == EPIPE);

    if (took < 0 && error == EAGAIN) {
        io_clear(&f->io, IO_WRITE);
        return PROA_EAGAIN;
    }
    if (took < 0 && is_about_the_file(error))
        return PROA_EOPNOTSUPP;
    if (took < 0)
        return proa__fail(-error, "sending a file to %s: %s", s->ops->kind, proa_err_text(-error));
    if (s->ops->read_done)
        s->ops->read_done(s); /* as after any write */
    return took;
}
