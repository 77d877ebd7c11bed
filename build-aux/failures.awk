# failures.awk: of the log of a failed test, each failed case with its reason. pytest marks the reason with E behind a
# headline with the name; the harness of unit tests says it behind the case, behind #; scripts say it before the case.
#
#   awk -f failures.awk [-v shown_as=FILE] FILE

function show(text) {
    if (shown++ < 4)
        print "    " substr(text, 1, 300)
}

function show_of_pytest(name,    i, headline) {
    headline = name
    sub(/^.*::/, "", headline)
    for (i = 1; i <= NR; i++)
        if (line[i] ~ /^_+ .* _+$/ && index(line[i], " " headline " "))
            while (++i <= NR && line[i] !~ /^(_+ .* _+|=+ .* =+)$/)
                if (sub(/^E  +/, "", line[i]))
                    show(line[i])
}

function show_behind(at) {
    while (line[++at] ~ /^# /)
        show(substr(line[at], 3))
}

function show_before(at,    first) {
    if (line[at - 1] ~ /^not ok /)
        at--
    for (first = at; first > 1 && at - first < 3 && line[first - 1] !~ /^(not )?ok |^[A-Z]+: |^1\.\.|^#/; first--)
        ;
    for (; first < at; first++)
        show(line[first])
}

function show_case(at,    name) {
    name = line[at]
    sub(/^[A-Z]+: /, "", name)
    print "FAILED: " name
    sub(/^[^ ]+ [0-9]+ - /, "", name)
    shown = 0
    show_of_pytest(name)
    if (!shown)
        show_behind(at)
    if (!shown)
        show_before(at)
    print "    all of it: " (shown_as != "" ? shown_as : FILENAME)
}

{
    line[NR] = $0
}

END {
    for (n = 1; n <= NR; n++)
        if (line[n] ~ /^(FAIL|XPASS|ERROR): /)
            show_case(n)
}
