# Print C files as FILE:LINE:CODE, without comments and with string and character contents blanked
# (the names in #include lines stay), so that the checks look at code alone.
FNR == 1 { in_comment = 0 }
{
    line = $0
    out = ""
    if (!in_comment && line ~ /^[ \t]*#[ \t]*include/) {
        sub(/\/[\/*].*/, "", line)
        print FILENAME ":" FNR ":" line
        next
    }
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0)
                break
            line = substr(line, at + 2)
            in_comment = 0
        } else if (match(line, /\/\*|\/\/|"|'/)) {
            mark = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + RLENGTH)
            if (mark == "//")
                break
            if (mark == "/*") {
                in_comment = 1
                out = out " "
            } else {
                line = skip_quoted(line, mark)
                out = out mark mark
            }
        } else {
            out = out line
            break
        }
    }
    if (out !~ /^[ \t]*$/)
        print FILENAME ":" FNR ":" out
}

# What follows the closing `mark` of a literal whose opening one is already gone.
function skip_quoted(s, mark,    c)
{
    while (s != "") {
        c = substr(s, 1, 1)
        s = substr(s, c == "\\" ? 3 : 2)
        if (c == mark)
            break
    }
    return s
}
