# Count single test cases from the logs of make check. Arguments: check_rc=N and the logs; beside each
# X.log stands X.trs with automake's verdict on the whole program. A log may hold
#   100%: Checks: 5, Failures: 0, Errors: 0      a summary by Check: five cases
#   SKIP: why                                    one case that could not run here
# A program without a summary is one case. Prints what failed, why things were skipped, and the sum.
BEGIN {
    for (i = 1; i < ARGC; i++) {
        if (ARGV[i] ~ /^check_rc=/)
            check_rc = substr(ARGV[i], 10)
        else
            count(ARGV[i])
    }
    if (check_rc != 0 && failed == 0) {
        print "FAIL: make check, exit " check_rc
        failed = 1
    }
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0
}

function count(log_file,    verdict, line, cases, bad, skips, name, why)
{
    name = log_file
    sub(/\.log$/, "", name)
    verdict = verdict_of(name ".trs")
    cases = bad = skips = 0
    while (verdict != "MISSING" && (getline line < log_file) > 0) {
        if (line ~ /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
            gsub(/[^0-9 ]/, "", line)
            split(line, number, " ")
            cases += number[2]
            bad += number[3] + number[4]
        } else if (line ~ /^SKIP: /) {
            skips++
            why = substr(line, 7)
            print "skipped: " name ": " why
        }
    }
    close(log_file)

    if (verdict == "SKIP" && skips == 0)
        print "skipped: " name
    if (verdict == "SKIP") {
        skipped += skips ? skips : 1
        return
    }
    if (verdict != "PASS" && bad == 0)
        bad = 1
    if (verdict != "PASS")
        show(name, log_file, verdict)
    if (cases < bad + skips)
        cases = bad + skips
    if (cases == 0)
        cases = 1
    passed += cases - bad - skips
    failed += bad
    skipped += skips
}

function verdict_of(trs_file,    line, verdict)
{
    verdict = "MISSING"
    while ((getline line < trs_file) > 0)
        if (line ~ /^:test-result: /) {
            verdict = substr(line, 15)
            sub(/ .*/, "", verdict)
        }
    close(trs_file)
    return verdict
}

function show(name, log_file, verdict,    line, n, kept, i)
{
    if (verdict == "MISSING") {
        print "FAIL: " name " was not run (not built?)"
        return
    }
    print "FAIL: " name
    while ((getline line < log_file) > 0)
        kept[n++] = line
    close(log_file)
    for (i = n > 60 ? n - 60 : 0; i < n; i++)
        print "    " kept[i]
}
