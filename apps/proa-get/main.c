#include "get.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_session(struct get *get, struct proa_tls_ctx **tls)
{
    const struct options *o = get->o;
    int rc = proa_tls_client_ctx_new(
        tls,
        PROA_TLS_CLIENT_OPTS(.ca_file = o->cacert, .insecure = o->insecure, .cert_file = o->cert,
                             .key_file = o->key, .alpn = "http/1.1", .keylog_env = true));
    if (rc < 0)
        return rc;
    return proa_session_new(&get->session,
                            PROA_SESSION_OPTS(.tls = *tls, .headers = &o->headers, .limit = o->jobs,
                                              .limit_per_host = o->per_host,
                                              .read_timeout = o->read_timeout,
                                              .max_body = PROA_UNLIMITED));
}

/* Start a job a URL, as many at once as the group lets run. */
static int run_jobs(struct get *get)
{
    PROA_GROUP(jobs, .limit = get->o->jobs);
    for (size_t i = 0; i < get->n; i++) {
        int rc = proa_create_task(&jobs, job_run, &get->jobs[i]);
        if (rc < 0)
            break; /* cancelled, or no memory: the join says which */
    }
    return proa_group_join(&jobs);
}

static int run(struct get *get)
{
    PROA_GROUP(helpers);
    if (!get->o->quiet && (get->o->progress || isatty(STDERR_FILENO)))
        proa_create_task(&helpers, progress_run, get);
    int rc = run_jobs(get);
    proa_group_cancel(&helpers);
    proa_group_join(&helpers);
    return rc;
}

static int make_dir(const char *dir)
{
    struct stat st;

    if (!dir || mkdir(dir, 0777) == 0)
        return 0;
    if (errno == EEXIST && stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    return errno == EEXIST ? 0 : proa_fail(-errno, "%s: %s", dir, strerror(errno));
}

static int get_all(void *arg)
{
    struct get *get = arg;
    PROA_AUTO(proa_tls_ctx) *tls = NULL;
    int rc = make_dir(get->o->dir);

    if (rc == 0)
        rc = make_session(get, &tls);
    if (rc == 0)
        rc = output_new(&get->output, get);
    if (rc == 0) {
        get->began = proa_now();
        rc = run(get);
        if (!get->o->quiet)
            progress_summary(get);
    }
    proa_session_close(get->session);
    output_free(get->output);
    if (rc < 0)
        return rc;
    return get->failed ? 2 : 0;
}

int main(int argc, char **argv)
{
    static struct options o;
    static struct get get = {.o = &o};
    int rc = options_parse(&o, argc, argv);

    if (rc == 0)
        rc = urls_read(&get, argc, argv);
    if (rc != 0)
        return rc < 0;
    rc = proa_main(get_all, &get, NULL);
    for (size_t i = 0; i < get.n; i++)
        free(get.jobs[i].url);
    free(get.jobs);
    proa_headers_fini(&o.headers);
    return rc;
}
