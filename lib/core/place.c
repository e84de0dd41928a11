#include "core/place.h"

#include "core/loop.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_LIBDW
#include <elfutils/libdwfl.h>
#include <unistd.h>
#endif

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* ---- what the dynamic linker knows */

/* `code` lies in the instruction that is meant. */
static void ask_linker(uintptr_t code, char buf[PLACE_MAX])
{
    Dl_info info;

    if (!dladdr((void *)code, &info) || !info.dli_fname)
        snprintf(buf, PLACE_MAX, "%#lx", (unsigned long)code);
    else if (info.dli_sname)
        snprintf(buf, PLACE_MAX, "%.90s+%#lx (%.40s)", info.dli_sname,
                 (unsigned long)(code - (uintptr_t)info.dli_saddr), last_part(info.dli_fname));
    else
        snprintf(buf, PLACE_MAX, "%.100s(+%#lx)", last_part(info.dli_fname),
                 (unsigned long)(code - (uintptr_t)info.dli_fbase));
}

/* ---- what the files know */

#ifdef HAVE_LIBDW

/* Separate debug files are not looked for: that may ask servers in the network. */
static int find_no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                             const char *file, const char *link, GElf_Word crc, char **ret)
{
    (void)module;
    (void)data;
    (void)name;
    (void)base;
    (void)file;
    (void)link;
    (void)crc;
    *ret = NULL;
    return -1;
}

static Dwfl *open_files(void)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_linux_proc_find_elf,
        .find_debuginfo = find_no_debuginfo,
    };
    Dwfl *files = dwfl_begin(&callbacks);

    if (files &&
        (dwfl_linux_proc_report(files, getpid()) != 0 || dwfl_report_end(files, NULL, NULL) != 0)) {
        dwfl_end(files);
        files = NULL;
    }
    return files;
}

static void close_files(Dwfl *files)
{
    if (files)
        dwfl_end(files);
}

/*
 * The line of `code`; *ret is its file, or NULL. Compilers that write no table of addresses (clang)
 * have each unit asked in turn.
 */
static int find_line(Dwfl_Module *module, uintptr_t code, const char **ret)
{
    Dwfl_Line *known = dwfl_module_getsrc(module, code);
    Dwarf_Die *unit = NULL;
    Dwarf_Addr bias;
    int number = 0;

    *ret = known ? dwfl_lineinfo(known, NULL, &number, NULL, NULL, NULL) : NULL;
    while (!*ret && (unit = dwfl_module_nextcu(module, unit, &bias))) {
        Dwarf_Line *line = dwarf_haspc(unit, code - bias) == 1 ? dwarf_getsrc_die(unit, code - bias)
                                                               : NULL;

        if (line && dwarf_lineno(line, &number) == 0)
            *ret = dwarf_linesrc(line, NULL, NULL);
    }
    return number;
}

static bool ask_files(Dwfl *files, uintptr_t code, char buf[PLACE_MAX])
{
    Dwfl_Module *module = files ? dwfl_addrmodule(files, code) : NULL;
    GElf_Off offset = 0;
    GElf_Sym sym;
    const char *name;
    const char *file;
    const char *object;
    int number;

    if (!module)
        return false;
    name = dwfl_module_addrinfo(module, code, &offset, &sym, NULL, NULL, NULL);
    if (!name)
        return false;
    number = find_line(module, code, &file);
    if (file) {
        snprintf(buf, PLACE_MAX, "%.90s (%.50s:%d)", name, last_part(file), number);
        return true;
    }
    object = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    snprintf(buf, PLACE_MAX, "%.90s+%#lx (%.40s)", name, (unsigned long)offset,
             object ? last_part(object) : "?");
    return true;
}

bool proa__place_knows_lines(void)
{
    return true;
}

#else

typedef void Dwfl;

static Dwfl *open_files(void)
{
    return NULL;
}

static void close_files(Dwfl *files)
{
    (void)files;
}

static bool ask_files(Dwfl *files, uintptr_t code, char buf[PLACE_MAX])
{
    (void)files;
    (void)code;
    (void)buf;
    return false;
}

bool proa__place_knows_lines(void)
{
    return false;
}

#endif

/* ---- lines */

struct lines {
    void *const *at;
    size_t n;
    bool exact; /* the first one */
    place_fn *fn;
    void *arg;
};

static void make_lines(void *arg)
{
    const struct lines *lines = arg;
    Dwfl *files = open_files();
    char buf[PLACE_MAX];

    for (size_t i = 0; i < lines->n; i++) {
        uintptr_t code = (uintptr_t)lines->at[i] - !(i == 0 && lines->exact);

        if (!ask_files(files, code, buf))
            ask_linker(code, buf);
        lines->fn(lines->arg, buf);
    }
    close_files(files);
}

void proa__place_lines(const struct trace *trace, place_fn *fn, void *arg)
{
    proa__on_loop_stack(make_lines, &(struct lines){trace->at, trace->n, trace->exact, fn, arg});
}

void proa__place_each(void *const *at, size_t n, place_fn *fn, void *arg)
{
    proa__on_loop_stack(make_lines, &(struct lines){at, n, false, fn, arg});
}

static void keep_line(void *arg, const char *line)
{
    memcpy(arg, line, strlen(line) + 1);
}

const char *proa__place(const void *at, char buf[PLACE_MAX])
{
    struct trace trace = {.n = 1, .at = {(void *)at}};

    if (!at)
        return "an unknown place";
    proa__place_lines(&trace, keep_line, buf);
    return buf;
}
