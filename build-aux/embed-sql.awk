# Turn the SQL files named on the command line into one C file on standard output (see core/sql.h).
#
#   sql/ENGINE/migrations/NNNN_name.sql   one migration, whole; needs a line "-- serves: N"
#   sql/ENGINE/name.sql                   statements, each begun by a line "-- name: word"
#
# Plain POSIX awk: mawk, gawk and busybox all run it. Call with LC_ALL=C.

function fail(file, line, message)
{
    printf "%s:%s%s\n", file, (line ? line ": " : " "), message > "/dev/stderr"
    failed = 1
    exit 1
}

# One line of text as a C string literal. Every ? is escaped, so that no trigraph can arise.
function literal(line,    out, i, c)
{
    out = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\\" || c == "\"" || c == "?")
            out = out "\\" c
        else if (c == "\t")
            out = out "\\t"
        else
            out = out c
    }
    return "\"" out "\""
}

# Text as adjacent literals, one a line, so that the C file can be read.
function literals(text, last_newline,    n, i, lines, out, c_line)
{
    n = split(text, lines, "\n")
    while (n > 0 && lines[n] == "")
        n--
    out = ""
    for (i = 1; i <= n; i++) {
        c_line = literal(lines[i])
        if (i < n || last_newline)
            c_line = substr(c_line, 1, length(c_line) - 1) "\\n\""
        out = out "\n        " c_line
    }
    return out
}

function end_statement(    text, key)
{
    if (name == "")
        return
    text = body
    sub(/[ \t\n]+$/, "", text)
    sub(/;$/, "", text)
    sub(/[ \t\n]+$/, "", text)
    sub(/^\n+/, "", text)
    if (text == "")
        fail(name_file, name_line, "statement " name " is empty")
    key = name_engine " " name
    if (key in statement_file)
        fail(name_file, name_line, "statement " name " is already in " statement_file[key])
    statement_file[key] = name_file
    statements++
    statement_engine[statements] = name_engine
    statement_name[statements] = name
    statement_text[statements] = text
    name = ""
}

function end_migration(    key)
{
    if (migration_file == "")
        return
    if (serves == "")
        fail(migration_file, 0, "a migration needs a line \"-- serves: N\", the oldest server (by the newest migration it knows) that works on this schema")
    key = migration_engine " " version
    if (key in version_file)
        fail(migration_file, 0, "version " version " is already taken by " version_file[key])
    version_file[key] = migration_file
    if (serves > version)
        fail(migration_file, 0, "serves " serves ", which is later than its own version " version)
    if (body !~ /[^ \t\n]/)
        fail(migration_file, 0, "the migration is empty")
    migrations++
    migration_engine_of[migrations] = migration_engine
    migration_version[migrations] = version
    migration_serves[migrations] = serves
    migration_name[migrations] = migration_word
    migration_text[migrations] = body
    migration_file = ""
}

function begin_file(    parts, n, base)
{
    end_statement()
    end_migration()
    seen[FILENAME] = 1
    body = ""
    n = split(FILENAME, parts, "/")
    base = parts[n]
    is_migration = (n >= 3 && parts[n - 1] == "migrations")
    engine = is_migration ? parts[n - 2] : parts[n - 1]
    if (engine != "postgres" && engine != "sqlite")
        fail(FILENAME, 0, "a file belongs into sql/postgres or sql/sqlite, or into migrations/ there")
    if (is_migration) {
        if (base !~ /^[0-9][0-9][0-9][0-9]_[a-z][a-z0-9_]*\.sql$/)
            fail(FILENAME, 0, "a migration is called NNNN_name.sql, four digits and lower-case letters")
        version = substr(base, 1, 4) + 0
        if (version == 0)
            fail(FILENAME, 0, "versions begin with 0001")
        migration_word = substr(base, 6, length(base) - 9)
        migration_engine = engine
        migration_file = FILENAME
        serves = ""
    }
}

FNR == 1 { begin_file() }

{ sub(/\r$/, "") }

is_migration && /^--[ \t]*serves[ \t]*:/ {
    if ($0 !~ /^-- serves: [0-9]+[ \t]*$/)
        fail(FILENAME, FNR, "write it as \"-- serves: N\"")
    if (serves != "")
        fail(FILENAME, FNR, "a second \"-- serves\" line")
    serves = substr($0, 12) + 0
}

!is_migration && /^--[ \t]*name[ \t]*:/ {
    end_statement()
    if ($0 !~ /^-- name: [a-z][a-z0-9_]*[ \t]*$/)
        fail(FILENAME, FNR, "write it as \"-- name: word\", in lower-case letters, digits and _")
    name = substr($0, 10)
    sub(/[ \t]+$/, "", name)
    name_engine = engine
    name_file = FILENAME
    name_line = FNR
    body = ""
    next
}

!is_migration && /^[ \t]*--/ { next }

!is_migration && name == "" {
    if ($0 ~ /[^ \t]/)
        fail(FILENAME, FNR, "SQL before the first \"-- name: word\" line")
    next
}

{ body = body $0 "\n" }

END {
    if (failed)
        exit 1
    end_statement()
    end_migration()
    for (i = 1; i < ARGC; i++)
        if (!(ARGV[i] in seen))
            fail(ARGV[i], 0, "the file is empty or cannot be read")

    # Insertion sort by engine, then version: there are few.
    for (i = 1; i <= migrations; i++) {
        order[i] = i
        for (j = i; j > 1; j--) {
            a = order[j - 1]
            b = order[j]
            if (migration_engine_of[a] < migration_engine_of[b])
                break
            if (migration_engine_of[a] == migration_engine_of[b] && migration_version[a] + 0 <= migration_version[b] + 0)
                break
            order[j - 1] = b
            order[j] = a
        }
    }

    print "/* Made from sql/ by build-aux/embed-sql.awk: change the SQL, not this file. */"
    print "#include <config.h>"
    print ""
    print "#include \"core/sql.h\""
    print ""
    print "const struct sql_statement sql_statements[] = {"
    for (i = 1; i <= statements; i++)
        printf "    {\"%s\", \"%s\",%s},\n", statement_engine[i], statement_name[i], literals(statement_text[i], 0)
    print "    {NULL, NULL, NULL},"
    print "};"
    printf "const size_t sql_statement_count = %d;\n", statements
    print ""
    print "const struct sql_migration sql_migrations[] = {"
    for (i = 1; i <= migrations; i++) {
        m = order[i]
        printf "    {\"%s\", \"%s\", %d, %d,%s},\n", migration_engine_of[m], migration_name[m], migration_version[m],
            migration_serves[m], literals(migration_text[m], 1)
    }
    print "    {NULL, NULL, 0, 0, NULL},"
    print "};"
    printf "const size_t sql_migration_count = %d;\n", migrations
}
