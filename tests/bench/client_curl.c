/*
 * client_curl: the same as client_proa with libcurl's multi interface, each easy handle used again
 * and again.
 *
 *     client_curl URL N C
 */

#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>

static long left;
static long done;

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
    (void)data;
    (void)arg;
    return size * n;
}

static void finished(CURLM *multi, CURL *easy, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    done += code == CURLE_OK && status == 200;
    curl_multi_remove_handle(multi, easy);
    if (left > 0) {
        left--;
        curl_multi_add_handle(multi, easy);
    } else {
        curl_easy_cleanup(easy);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 1;
    left = atol(argv[2]);
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    for (long i = 0; i < atol(argv[3]) && left > 0; i++, left--) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
        curl_multi_add_handle(multi, easy);
    }
    int running = 1;
    while (running || left > 0) {
        CURLMsg *message;
        int queued;
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &queued)))
            if (message->msg == CURLMSG_DONE) {
                finished(multi, message->easy_handle, message->data.result);
                running = 1;
            }
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    printf("%ld\n", done);
    curl_multi_cleanup(multi);
    return 0;
}
