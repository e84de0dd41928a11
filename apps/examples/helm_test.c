/* Tests of a program's own code with <proa/test.h>: helm_test [-l] [TEST...]. The second test
 * fails, and is there to: it trusts an order that nobody promised. */
#include <proa/proa.h>

/* ---- the code: somebody steers, and does as is told */

struct ship {
    struct proa_queue *orders; /* NULL: nobody is at the helm */
    int course;
};

static int steer(void *arg)
{
    struct ship *ship = arg;
    PROA_AUTO(proa_queue) *orders = NULL;
    void *order;
    int rc = proa_queue_new(&orders, NULL);

    if (rc < 0)
        return rc;
    ship->orders = orders;
    proa_task_ready(NULL);
    while ((rc = proa_queue_get(orders, &order)) == 0)
        ship->course += *(int *)order;
    ship->orders = NULL;
    return rc;
}

static int order(struct ship *ship, int *turn)
{
    return ship->orders ? proa_queue_put(ship->orders, turn) : PROA_ECLOSED;
}

/* ---- the tests */

PROA_TEST(the_helm_obeys, .each_alloc = true)
{
    struct ship ship = {0};
    int turn = 15;
    PROA_GROUP(g);

    int rc = proa_start_task(&g, NULL, NULL, steer, &ship, NULL); /* waits until it is ready */
    if (rc >= 0)
        rc = order(&ship, &turn);
    if (rc >= 0)
        rc = proa_sleep(PROA_SEC); /* takes no time */
    if (rc < 0)
        return rc; /* short of memory: the kit did that */
    PROA_EXPECT(ship.course == 15);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}

static int captain(void *arg)
{
    static int turn = 15;

    PROA_EXPECT_OK(order(arg, &turn));
    return 0;
}

PROA_TEST(the_captain_trusts_the_order)
{
    struct ship ship = {0};
    PROA_GROUP(g);

    PROA_EXPECT_OK(proa_create_task(&g, steer, &ship));
    PROA_EXPECT_OK(proa_create_task(&g, captain, &ship)); /* created later, so it runs later? */
    PROA_EXPECT_OK(proa_sleep(PROA_SEC));
    proa_group_cancel(&g);
    return proa_group_join(&g);
}

PROA_TEST_MAIN
