# PROA_CFLAG(FLAG): add FLAG to PROA_CFLAGS if the compiler knows it.
AC_DEFUN([PROA_CFLAG], [
    AS_VAR_PUSHDEF([known], [proa_cv_cflag_$1])
    AC_CACHE_CHECK([whether $CC accepts $1], [known], [
        proa_save_CFLAGS=$CFLAGS
        CFLAGS="-Werror $1"
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM([])], [AS_VAR_SET([known], [yes])],
                          [AS_VAR_SET([known], [no])])
        CFLAGS=$proa_save_CFLAGS
    ])
    AS_VAR_IF([known], [yes], [AS_VAR_APPEND([PROA_CFLAGS], [" $1"])])
    AS_VAR_POPDEF([known])
])

# PROA_C17: proa is written in C17 with GNU attributes; stop early on a compiler that is older.
AC_DEFUN([PROA_C17], [
    AC_MSG_CHECKING([whether $CC compiles C17 with -std=gnu17])
    proa_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -std=gnu17"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
        #if __STDC_VERSION__ < 201710L
        #error older than C17
        #endif
        static _Thread_local int slot;
        static void drop(int *p) { *p = 0; }]], [[
        __attribute__((cleanup(drop))) int here = 1;
        return _Generic(here, int: slot, default: 1);]])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([proa needs a C17 compiler with GNU extensions, such as gcc >= 8 or clang >= 7])])
    CFLAGS=$proa_save_CFLAGS
    AS_VAR_APPEND([PROA_CFLAGS], [" -std=gnu17"])
])

# PROA_SANITIZE: --enable-sanitize=LIST, for everything that we compile, tests included.
AC_DEFUN([PROA_SANITIZE], [
    AC_ARG_ENABLE([sanitize],
        [AS_HELP_STRING([--enable-sanitize=LIST],
            [build with these sanitizers, such as address,undefined or thread])],
        [], [enable_sanitize=no])
    AS_CASE([$enable_sanitize],
        [no], [],
        [yes|''], [AC_MSG_ERROR([--enable-sanitize wants a list, such as --enable-sanitize=address,undefined])],
        [
            proa_san="-fsanitize=$enable_sanitize -fno-sanitize-recover=all"
            AC_MSG_CHECKING([whether $CC links with -fsanitize=$enable_sanitize])
            proa_save_CFLAGS=$CFLAGS
            CFLAGS="$CFLAGS $proa_san"
            AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AC_MSG_RESULT([yes])],
                [AC_MSG_RESULT([no])
                 AC_MSG_ERROR([$CC cannot link with -fsanitize=$enable_sanitize; is its runtime installed?])])
            CFLAGS=$proa_save_CFLAGS
            AS_VAR_APPEND([PROA_CFLAGS], [" $proa_san -fno-omit-frame-pointer"])
            AS_VAR_APPEND([PROA_LDFLAGS], [" $proa_san"])
        ])
    AM_CONDITIONAL([PROA_SANITIZED], [test "x$enable_sanitize" != xno])
])

# PROA_CONTEXT: --with-context=asm|ucontext; asm where there is assembly for the processor.
AC_DEFUN([PROA_CONTEXT], [
    AC_ARG_WITH([context],
        [AS_HELP_STRING([--with-context=asm|ucontext],
            [how tasks switch; asm is known for x86_64 and aarch64 and the default there])],
        [], [with_context=auto])
    AS_CASE([$host_cpu], [x86_64|aarch64], [proa_context=asm], [proa_context=ucontext])
    AS_CASE([$with_context],
        [auto|yes], [with_context=$proa_context],
        [asm], [AS_IF([test $proa_context != asm],
                      [AC_MSG_ERROR([--with-context=asm: there is no assembly for $host_cpu])])],
        [ucontext], [],
        [AC_MSG_ERROR([--with-context is asm or ucontext, not $with_context])])
    AS_IF([test $with_context = ucontext],
          [AC_DEFINE([PROA_CONTEXT_UCONTEXT], [1], [switch tasks with swapcontext])])
    AM_CONDITIONAL([PROA_CONTEXT_UCONTEXT], [test $with_context = ucontext])
])

# PROA_LLHTTP: llhttp by pkg-config, else compiled from its installed sources (Debian 12's node-llhttp).
# Sets LLHTTP_CFLAGS, LLHTTP_LIBS, LLHTTP_SRC and the conditional PROA_LLHTTP_SRC.
AC_DEFUN([PROA_LLHTTP], [
    AC_ARG_WITH([llhttp-src],
        [AS_HELP_STRING([--with-llhttp-src=DIR],
            [compile llhttp from DIR, which holds api.c, http.c and llhttp.c])],
        [], [with_llhttp_src=auto])
    AC_SUBST([LLHTTP_SRC], [])
    AS_CASE([$with_llhttp_src],
        [auto], [PKG_CHECK_MODULES([LLHTTP], [libllhttp], [],
                 [LLHTTP_SRC=/usr/share/llhttp])],
        [no], [PKG_CHECK_MODULES([LLHTTP], [libllhttp])],
        [yes], [LLHTTP_SRC=/usr/share/llhttp],
        [LLHTTP_SRC=$with_llhttp_src])
    AS_IF([test -n "$LLHTTP_SRC"], [
        AC_MSG_CHECKING([for llhttp sources in $LLHTTP_SRC])
        LLHTTP_CFLAGS=
        for proa_dir in "$LLHTTP_SRC" "$LLHTTP_SRC/../include" "$LLHTTP_SRC/../include/llhttp"; do
            AS_IF([test -f "$proa_dir/llhttp.h"], [LLHTTP_CFLAGS="-I$proa_dir"])
        done
        AS_IF([test -n "$LLHTTP_CFLAGS" && test -f "$LLHTTP_SRC/api.c" &&
               test -f "$LLHTTP_SRC/http.c" && test -f "$LLHTTP_SRC/llhttp.c"],
              [AC_MSG_RESULT([yes])],
              [AC_MSG_RESULT([no])
               AC_MSG_ERROR([no llhttp: install libllhttp with its .pc file, or Debian's node-llhttp, or say --with-llhttp-src=DIR])])
        LLHTTP_CFLAGS="$LLHTTP_CFLAGS -DLLHTTP_STRICT_MODE=1"
        LLHTTP_LIBS='$(top_builddir)/llhttp/libllhttp.la'
        proa_llhttp="compiled from $LLHTTP_SRC, strict"
    ], [proa_llhttp="installed library, $LLHTTP_LIBS"])
    AC_SUBST([LLHTTP_CFLAGS])
    AC_SUBST([LLHTTP_LIBS])
    AM_CONDITIONAL([PROA_LLHTTP_SRC], [test -n "$LLHTTP_SRC"])
])

# PROA_OPTIONAL(NAME, PKG-CONFIG-MODULES, HELP): --with-NAME=yes|no|auto. Asked for and missing is an
# error; found, it defines HAVE_NAME, the conditional HAVE_NAME, NAME_CFLAGS and NAME_LIBS.
AC_DEFUN([PROA_OPTIONAL], [
    m4_pushdef([NAME], m4_toupper([$1]))
    AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=yes|no|auto], [$3 (auto: if it is there)])],
                [], [with_$1=auto])
    AS_IF([test "x$with_$1" != xno], [
        PKG_CHECK_MODULES(NAME, [$2], [with_$1=yes], [
            AS_IF([test "x$with_$1" = xyes],
                  [AC_MSG_ERROR([--with-$1: $2 was asked for and is missing])])
            with_$1=no
        ])
    ])
    AS_IF([test "x$with_$1" = xyes], [AC_DEFINE([HAVE_]NAME, [1], [$3])])
    AM_CONDITIONAL([HAVE_]NAME, [test "x$with_$1" = xyes])
    m4_popdef([NAME])
])
