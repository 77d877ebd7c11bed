# Text as string literals of C: what build-aux/embed-pages.awk and build-aux/embed-sql.awk share; awk gets it before them, as
# a further -f.

# Text as one literal. Every ? is escaped, so that no trigraph can arise.
function literal(text,    out, i, c)
{
    out = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\" || c == "\"" || c == "?")
            out = out "\\" c
        else if (c == "\t")
            out = out "\\t"
        else if (c == "\n")
            out = out "\\n"
        else
            out = out c
    }
    return "\"" out "\""
}

# Text as adjacent literals, one a line, so that the C file can be read.
function literals(text,    n, i, lines, out)
{
    n = split(text, lines, "\n")
    out = ""
    for (i = 1; i <= n; i++)
        if (i < n || lines[i] != "")
            out = out "\n        " literal(lines[i] (i < n ? "\n" : ""))
    return out
}
