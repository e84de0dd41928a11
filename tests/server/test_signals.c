/*
 * proa_app_serve and signals, in programs of their own: the first drains, the second cancels, the
 * third ends the process; alone, with threads, with workers; and workers that die, with a queue of
 * clients that does not.
 */

#include "core/signal.h"
#include "core/stack.h"
#include "program.h"
#include "served.h"
#include "support/t_peer.h"

#include <proa/group.h>
#include <proa/time.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- alone */

static const int signals[] = {SIGTERM, SIGINT};

START_TEST(the_first_signal_drains)
{
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);
    int idle = idle_client(&p, NULL);
    int busy = busy_client(&p, GET("/wait"));

    kill(p.pid, signals[_i]);
    ck_closed(idle);
    ck_assert(program_refuses(&p));
    program_tell(&p);
    ck_answered(busy);
    ck_ended(&p, 0);
}
END_TEST

START_TEST(without_a_request_the_first_ends_it)
{
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);

    kill(p.pid, signals[_i]);
    ck_ended(&p, 0);
}
END_TEST

START_TEST(the_second_signal_cancels)
{
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);
    int idle = idle_client(&p, NULL);
    int busy = busy_client(&p, GET("/wait"));

    kill(p.pid, SIGTERM);
    ck_closed(idle); /* it knows of the first */
    kill(p.pid, signals[_i]);
    ck_news(&p, "cancelled");
    ck_assert_str_eq(hear_once(busy), "");
    close(busy);
    ck_ended(&p, 128 + signals[_i]);
}
END_TEST

/* Half a head has ten seconds, also while the server drains; not when it is cancelled. */
START_TEST(the_second_signal_waits_for_no_head)
{
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);
    int half = idle_client(&p, NULL);

    t_peer_say(half, "GET / HT");
    int idle = idle_client(&p, NULL);
    kill(p.pid, SIGTERM);
    ck_closed(idle);
    kill(p.pid, SIGTERM);
    ck_assert_str_eq(hear_once(half), "");
    close(half);
    ck_ended(&p, 128 + SIGTERM);
}
END_TEST

START_TEST(the_third_signal_ends_the_process)
{
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);
    int idle = idle_client(&p, NULL);
    int busy = busy_client(&p, GET("/stay"));

    kill(p.pid, SIGTERM);
    ck_closed(idle);
    kill(p.pid, SIGTERM);
    ck_news(&p, "cancelled"); /* but the handler stays */
    kill(p.pid, signals[_i]);
    ck_ended(&p, 1000 + signals[_i]);
    close(busy);
}
END_TEST

/* Signals are counted by their handler: no loop is needed for that. */
START_TEST(a_loop_that_is_stuck_does_not_prevent_it)
{
#ifndef PROA_SANITIZED_THREAD /* which lets handlers wait until the loop calls something */
    struct program p = program_start(program_serve, NULL, 0, 1, NULL);
    int busy = busy_client(&p, GET("/spin"));
    siginfo_t info = {0};

    while (info.si_pid == 0) { /* those that are pending together become one */
        kill(p.pid, signals[_i]);
        ck_assert_int_eq(waitid(P_PID, (id_t)p.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    }
    ck_ended(&p, 1000 + signals[_i]);
    close(busy);
#endif
}
END_TEST

START_TEST(signals_of_a_burst_are_one)
{
    ck_assert_int_eq(proa__signals_burst, 100 * PROA_MS);
    struct program p = program_start(program_serve, NULL, PROA_HOUR, 1, NULL);
    int idle = idle_client(&p, NULL);
    int busy = busy_client(&p, GET("/wait"));

    kill(p.pid, SIGTERM);
    ck_closed(idle);
    for (int i = 0; i < 10; i++) {
        kill(p.pid, SIGTERM);
        kill(p.pid, SIGINT);
    }
    program_tell(&p);
    ck_answered(busy);
    ck_ended(&p, 0);
}
END_TEST

START_TEST(draining_has_its_time)
{
    static int64_t drain = 20 * PROA_MS;
    struct program p = program_start(program_serve, &drain, 0, 1, NULL);
    int busy = busy_client(&p, GET("/wait"));

    kill(p.pid, SIGTERM);
    ck_news(&p, "cancelled");
    ck_assert_str_eq(hear_once(busy), "");
    close(busy);
    ck_ended(&p, 0);
}
END_TEST

/* ---- threads */

enum { LOOPS = 3, IDLE_MOST = 1000 };

/* Idle clients, until each loop has one. Returns how many. */
static int idle_clients(struct program *p, int *fds)
{
    int tids[LOOPS] = {0};
    int n = 0;

    for (int found = 0, at, tid; found < LOOPS; found += at == found) {
        ck_assert_int_lt(n, IDLE_MOST);
        fds[n++] = idle_client(p, &tid);
        for (at = 0; at < found && tids[at] != tid;)
            at++;
        if (at == found)
            tids[at] = tid;
    }
    return n;
}

/* The program has LOOPS loops, or processes: all drain at one signal, a second cancels all. */
static void drain_all(const struct proa_main_opts *opts, bool twice)
{
    struct program p = program_start(program_serve, NULL, 0, LOOPS, opts);
    static int idle[IDLE_MOST];
    int busy[2 * LOOPS];
    int n_idle = idle_clients(&p, idle);

    for (int i = 0; i < 2 * LOOPS; i++)
        busy[i] = busy_client(&p, GET("/wait"));
    kill(p.pid, SIGTERM);
    for (int i = 0; i < n_idle; i++)
        ck_closed(idle[i]);
    if (twice)
        kill(p.pid, SIGTERM);
    for (int i = 0; i < 2 * LOOPS; i++) {
        if (twice)
            ck_news(&p, "cancelled");
        else
            program_tell(&p);
    }
    for (int i = 0; i < 2 * LOOPS; i++) {
        if (!twice)
            ck_answered(busy[i]);
        else
            close(busy[i]);
    }
    ck_ended(&p, twice ? 128 + SIGTERM : 0);
}

START_TEST(all_threads_drain)
{
    drain_all(PROA_MAIN_OPTS(.threads = LOOPS), _i == 1);
}
END_TEST

/* ---- workers */

START_TEST(all_workers_drain)
{
    drain_all(PROA_MAIN_OPTS(.workers = LOOPS), _i == 1);
}
END_TEST

START_TEST(the_third_signal_ends_the_workers_too)
{
    struct program p = program_start(program_serve, NULL, 0, 1, PROA_MAIN_OPTS(.workers = 1));
    int idle = idle_client(&p, NULL);
    int busy = busy_client(&p, GET("/stay"));

    kill(p.pid, SIGTERM);
    ck_closed(idle);
    kill(p.pid, SIGTERM);
    ck_news(&p, "cancelled");
    kill(p.pid, SIGTERM);
    ck_ended(&p, 128 + SIGTERM); /* of a worker that a signal ended */
    close(busy);
}
END_TEST

/* It dies with a client in its hands and others in its queue; those are its successor's. */
START_TEST(a_worker_that_dies_is_replaced_and_its_queue_served)
{
    struct program p = program_start(program_serve, NULL, 0, 1, PROA_MAIN_OPTS(.workers = 1));
    int before, after, waiting[3];
    int idle = idle_client(&p, &before);
    int victim = busy_client(&p, GET("/crash"));

    for (int i = 0; i < 3; i++) {
        waiting[i] = t_peer_connect_port(p.port);
        t_peer_say(waiting[i], GET("/"));
    }
    program_tell(&p);
    ck_assert_int_eq(atoi(program_news(&p) + 17), p.port); /* its URL: the successor serves */
    for (int i = 0; i < 3; i++) {
        const char *text = hear_once(waiting[i]);
        ck_assert_int_eq(status_of(text), 200);
        after = atoi(body_of(text));
        ck_assert_int_ne(after, before);
    }
    ck_assert_str_eq(hear_once(idle), "");
    ck_assert_str_eq(hear_once(victim), "");
    kill(p.pid, SIGTERM);
    for (int i = 0; i < 3; i++)
        ck_closed(waiting[i]);
    close(idle);
    close(victim);
    ck_assert_int_eq(program_ended(&p), 0);
    char words[80];
    snprintf(words, sizeof words, "worker %d was killed by signal 9", before);
    ck_assert_ptr_nonnull(strstr(program_written, words));
    ck_assert_ptr_null(strstr(program_written, "are left"));
}
END_TEST

/* SIGHUP: the old worker answers what it has, the new one whoever comes. */
START_TEST(a_hang_up_replaces_workers_and_loses_nobody)
{
    struct program p = program_start(program_serve, NULL, 0, 1, PROA_MAIN_OPTS(.workers = 1));
    int before, after;
    int idle = idle_client(&p, &before);
    int busy = busy_client(&p, GET("/wait"));

    kill(p.pid, SIGHUP);
    ck_closed(idle);
    ck_assert_int_eq(atoi(program_news(&p) + 17), p.port);
    idle = idle_client(&p, &after);
    ck_assert_int_ne(after, before);
    program_tell(&p);
    ck_answered(busy);
    kill(p.pid, SIGTERM);
    ck_closed(idle);
    ck_ended(&p, 0);
}
END_TEST

static void ck_served_by(int client, int tid)
{
    t_peer_say(client, GET("/"));
    const char *text = hear_once(client);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_int_eq(atoi(body_of(text)), tid);
}

START_TEST(a_hang_up_does_not_hurt_a_worker)
{
    struct program p = program_start(program_serve, NULL, 0, 1, PROA_MAIN_OPTS(.workers = 1));
    int worker;
    int idle = idle_client(&p, &worker);

    kill(worker, SIGHUP);
    ck_served_by(idle, worker);
    kill(p.pid, SIGTERM);
    ck_closed(idle);
    ck_ended(&p, 0);
}
END_TEST

static int report_hangup(void *arg)
{
    (void)arg;
    program_says(WIFSIGNALED(system("kill -HUP $$")) ? "killed\n" : "not killed\n");
    return 0;
}

static struct program start_reporting(void (*disposition)(int))
{
    signal(SIGHUP, disposition);
    return program_start(report_hangup, NULL, 0, 0, PROA_MAIN_OPTS(.workers = 1));
}

/* What a worker executes dies of a hang-up, unless the program had it ignored. */
START_TEST(a_program_of_a_worker_inherits_its_hang_up)
{
    struct program p = start_reporting(SIG_DFL);

    ck_news(&p, "killed");
    ck_ended(&p, 0);
    p = start_reporting(SIG_IGN);
    ck_news(&p, "not killed");
    ck_ended(&p, 0);
}
END_TEST

/* ---- what a loop cannot have */

static int serve_twice(void *arg)
{
    PROA_GROUP(g);
    PROA_AUTO(proa_app) *app = NULL;

    (void)arg;
    ck_ok(proa_app_new(&app, NULL));
    ck_ok(proa_create_task(&g, program_serve, NULL));
    while (!program_serves)
        proa_yield();
    int rc = proa_app_serve(app, NULL);
    program_says(rc == PROA_EBUSY ? "busy\n" : "not busy\n");
    return proa_group_join(&g);
}

START_TEST(one_loop_serves_one_app_this_way)
{
    struct program p = program_start(serve_twice, NULL, 0, 1, NULL);

    ck_news(&p, "busy");
    int idle = idle_client(&p, NULL); /* the first goes on */
    kill(p.pid, SIGTERM);
    ck_closed(idle);
    ck_ended(&p, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        signals_of_a_burst_are_one,
        draining_has_its_time,
        the_second_signal_waits_for_no_head,
        the_third_signal_ends_the_workers_too,
        a_worker_that_dies_is_replaced_and_its_queue_served,
        a_hang_up_replaces_workers_and_loses_nobody,
        a_hang_up_does_not_hurt_a_worker,
        a_program_of_a_worker_inherits_its_hang_up,
        one_loop_serves_one_app_this_way,
        NULL,
    };
    const struct t_table tables[] = {
        {the_first_signal_drains, 2},
        {without_a_request_the_first_ends_it, 2},
        {the_second_signal_cancels, 2},
        {the_third_signal_ends_the_process, 2},
        {a_loop_that_is_stuck_does_not_prevent_it, 2},
        {all_threads_drain, 2},
        {all_workers_drain, 2},
        {NULL, 0},
    };

    return t_main_tables("signals", tests, tables);
}
