# Turn the SQL files named on the command line into C: the catalogue of statements and the migrations (src/db/statement.h
# and src/core/sql.h say what they are in C). -v part=header prints src/core/statements.h, -v part=source the C file,
# -v part=postgres or sqlite the statements as that engine gets them.
#
#   sql/ENGINE/migrations/NNNN_name.sql   one migration, whole; it ends with its record
#   sql/ENGINE/name.sql                   statements, lists and constants, as docs/architecture.md says ("Statements"):
#
#       -- constant NAME number
#       -- list name: ITEM, ITEM ...                        ITEM: "name type", or the name of another list
#       -- text: word                                       begins a piece of SQL that several statements share
#       -- name: word                                       begins a statement; behind it, without a gap:
#       -- set writes (ITEM, ...) -> (ITEM, ...) and (ITEM, ...)
#       -- refuses constraint of member: what the caller is told
#
# In SQL {NAME} is a constant, {list} the columns of a list, {alias.list} those of a table and {text} a text. A declaration
# that ends with a comma goes on in the next line. Both engines must declare the same, but for "refuses" and texts.
#
# Plain POSIX awk: mawk, gawk and busybox all run it. Call with LC_ALL=C, behind -f build-aux/c-text.awk.

function fail(file, line, message)
{
    printf "%s:%s%s\n", file, (line ? line ": " : " "), message > "/dev/stderr"
    failed = 1
    exit 1
}

# ---- declarations ----

function trim(text)
{
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

function without_last_newline(text)
{
    sub(/\n+$/, "", text)
    return text
}

# The items of a list with the lists in it written out, "name type, name type"; at: where it stands, for messages.
function write_out(text, engine, at, depth,    n, i, parts, item, out, key)
{
    if (depth > 8)
        fail(at, 0, "a list that holds itself")
    out = ""
    n = split(text, parts, ",")
    for (i = 1; i <= n; i++) {
        item = trim(parts[i])
        if (item ~ /^[a-z][a-z0-9_]*$/) {
            key = engine " " item
            if (!(key in list_text))
                fail(at, 0, "there is no list " item)
            list_used[key] = 1
            item = write_out(list_text[key], engine, list_at[key], depth + 1)
        } else if (item !~ /^[a-z][a-z0-9_]* [a-z]+[?]?$/)
            fail(at, 0, "\"" item "\" should be \"name type\" or the name of a list")
        out = out (out == "" ? "" : ", ") item
    }
    return out
}

# Fails on a type that is not one of types, and on a name that is there twice.
function check_items(items, types, at,    n, i, parts, item, seen_name)
{
    n = split(items, parts, ", ")
    for (i = 1; i <= n; i++) {
        split(parts[i], item, " ")
        sub(/[?]$/, "", item[2])
        if (index(" " types " ", " " item[2] " ") == 0)
            fail(at, 0, "unknown type " item[2] " of " item[1] "; there are " types)
        if (item[1] in seen_name)
            fail(at, 0, item[1] " is there twice")
        seen_name[item[1]] = 1
    }
    return n
}

# "(…)" or the name of a list, at the start of text; what is behind it is left in rest.
function take_items(text, engine, at,    close_at, inner)
{
    text = trim(text)
    if (substr(text, 1, 1) == "(") {
        close_at = index(text, ")")
        if (close_at == 0)
            fail(at, 0, "a parenthesis is open")
        inner = substr(text, 2, close_at - 2)
        rest = trim(substr(text, close_at + 1))
    } else {
        close_at = match(text, /[ \t]/) ? RSTART : length(text) + 1
        inner = substr(text, 1, close_at - 1)
        rest = trim(substr(text, close_at))
    }
    return trim(inner) == "" ? "" : write_out(inner, engine, at, 0)
}

# One statement's declaration to kind, flags, params, columns and hidden of that statement.
function read_declaration(i,    text, at, words, n, k, engine)
{
    text = statement_declared[i]
    engine = statement_engine[i]
    at = statement_at[i]
    n = split(substr(text, 1, index(text, "(") - 1), words, " ")
    statement_kind[i] = words[1]
    statement_flags[i] = " "
    for (k = 2; k <= n; k++) {
        if (words[k] !~ /^(writes|waits|heavy|apart|told)$/)
            fail(at, 0, "unknown word " words[k] "; there are writes, waits, heavy, apart and told")
        statement_flags[i] = statement_flags[i] words[k] " "
    }
    statement_params[i] = take_items(substr(text, index(text, "(")), engine, at)
    statement_columns[i] = statement_hidden[i] = ""
    if (rest ~ /^->/) {
        text = trim(substr(rest, 3))
        statement_row[i] = match(text, /^[a-z][a-z0-9_]*/) ? substr(text, 1, RLENGTH) : ""
        statement_columns[i] = take_items(text, engine, at)
    }
    if (rest ~ /^and[ (]/)
        statement_hidden[i] = take_items(substr(rest, 4), engine, at)
    if (rest != "")
        fail(at, 0, "what is \"" rest "\"?")
    if (check_items(statement_params[i], "int float text", at) > 9)
        fail(at, 0, "more than 9 parameters")
    check_items(statement_columns[i], "int float text bool time point json", at)
    check_items(statement_hidden[i], "int float text bool time json", at)
    if (words[1] != "command" && statement_flags[i] !~ / writes / && engine == "postgres" &&
        statement_text[i] ~ /INSERT INTO |UPDATE |DELETE FROM |FOR SHARE|FOR KEY SHARE/)
        fail(at, 0, "it changes or locks rows, and does not say writes")
}

# The columns of a list as SQL has them; a point is two.
function columns_of(items, alias,    n, i, parts, item, out)
{
    out = ""
    n = split(items, parts, ", ")
    for (i = 1; i <= n; i++) {
        split(parts[i], item, " ")
        out = out (out == "" ? "" : ", ") alias item[1]
        if (item[2] ~ /^point/)
            out = out "_lat, " alias item[1] "_lng"
    }
    return out
}

# {CONSTANT}, {list}, {alias.list} and {text} in SQL.
function expand(text, engine, at, depth,    out, word, alias, key)
{
    if (depth > 8)
        fail(at, 0, "a text that holds itself")
    out = ""
    while (match(text, /[{][A-Za-z][A-Za-z0-9_.]*[}]/)) {
        out = out substr(text, 1, RSTART - 1)
        word = substr(text, RSTART + 1, RLENGTH - 2)
        text = substr(text, RSTART + RLENGTH)
        alias = ""
        if (index(word, ".")) {
            alias = substr(word, 1, index(word, "."))
            word = substr(word, index(word, ".") + 1)
        }
        key = engine " " word
        if (key in constant_value && alias == "")
            out = out constant_value[key]
        else if (key in piece_text && alias == "") {
            piece_used[key] = 1
            out = out expand(piece_text[key], engine, piece_at[key], depth + 1)
        } else if (key in list_text) {
            list_used[key] = 1
            out = out columns_of(write_out(list_text[key], engine, at, 0), alias)
        } else
            fail(at, 0, "there is no list, text or constant " word)
    }
    return out text
}

function begin_declaration(kind)
{
    pending = kind
    pending_text = trim(substr($0, 4))
    pending_file = FILENAME
    pending_line = FNR
}

function end_declaration(    key, word, text)
{
    if (pending == "" || pending_text ~ /,$/)
        return
    text = pending_text
    if (pending == "list" || pending == "constant") {
        sub(/^[a-z]+ /, "", text)
        word = text
        sub(/[: ].*$/, "", word)
        text = trim(substr(text, length(word) + 1))
        sub(/^:[ ]*/, "", text)
        key = engine " " word
        if (key in list_text || key in constant_value || key in piece_text)
            fail(pending_file, pending_line, word " is declared twice")
        if (pending == "list") {
            list_text[key] = text
            list_at[key] = pending_file ":" pending_line
            lists++
            list_key[lists] = key
        } else {
            if (text !~ /^[0-9]+$/)
                fail(pending_file, pending_line, "a constant is a number")
            constant_value[key] = text
            constants++
            constant_key[constants] = key
            constant_at[key] = pending_file ":" pending_line
        }
    } else if (pending == "statement")
        declared = text
    else
        refusals = refusals (refusals == "" ? "" : "\n") substr(text, 9)
    pending = ""
}

function end_piece(text,    key)
{
    key = name_engine " " name
    if (key in list_text || key in piece_text)
        fail(name_file, name_line, name " is declared twice")
    piece_text[key] = text
    piece_at[key] = name_file ":" name_line
    pieces++
    piece_key[pieces] = key
    name = ""
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
        fail(name_file, name_line, name_kind " " name " is empty")
    if (name_kind == "text") {
        end_piece(text)
        return
    }
    if (declared == "")
        fail(name_file, name_line, "statement " name " is not declared: \"-- set|one|command ...\" belongs behind its name")
    key = name_engine " " name
    if (key in statement_file)
        fail(name_file, name_line, "statement " name " is already in " statement_file[key])
    statement_file[key] = name_file
    statements++
    statement_number[key] = statements
    statement_engine[statements] = name_engine
    statement_name[statements] = name
    statement_text[statements] = text
    statement_at[statements] = name_file ":" name_line
    statement_declared[statements] = declared
    statement_refusals[statements] = refusals
    name = declared = refusals = ""
}

# Lists, constants and statements of both engines are the same but for their SQL.
function compare_engines(    i, key, other, k)
{
    for (i = 1; i <= lists; i++) {
        split(list_key[i], k, " ")
        other = (k[1] == "sqlite" ? "postgres" : "sqlite") " " k[2]
        if (!(other in list_text) || list_text[other] != list_text[list_key[i]])
            fail(list_at[list_key[i]], 0, "list " k[2] " is not the same in sql/" (k[1] == "sqlite" ? "postgres" : "sqlite"))
        if (!(list_key[i] in list_used))
            fail(list_at[list_key[i]], 0, "nothing uses list " k[2])
    }
    for (i = 1; i <= pieces; i++)
        if (!(piece_key[i] in piece_used))
            fail(piece_at[piece_key[i]], 0, "nothing uses text " substr(piece_key[i], index(piece_key[i], " ") + 1))
    for (i = 1; i <= constants; i++) {
        split(constant_key[i], k, " ")
        other = (k[1] == "sqlite" ? "postgres" : "sqlite") " " k[2]
        if (!(other in constant_value) || constant_value[other] != constant_value[constant_key[i]])
            fail(constant_at[constant_key[i]], 0, "constant " k[2] " is not the same in sql/" (k[1] == "sqlite" ? "postgres" : "sqlite"))
    }
    for (i = 1; i <= statements; i++) {
        key = (statement_engine[i] == "sqlite" ? "postgres " : "sqlite ") statement_name[i]
        if (!(key in statement_number))
            fail(statement_at[i], 0, "statement " statement_name[i] " is in sql/" statement_engine[i] " alone")
        k[1] = statement_number[key]
        if (statement_kind[i] != statement_kind[k[1]] || statement_flags[i] != statement_flags[k[1]] ||
            statement_params[i] != statement_params[k[1]] || statement_columns[i] != statement_columns[k[1]] ||
            statement_hidden[i] != statement_hidden[k[1]])
            fail(statement_at[i], 0, "statement " statement_name[i] " is declared otherwise in " statement_file[key])
    }
}

# ---- C ----

# "PREFIX_NAME," each, with positions from 0; a point takes two.
function print_positions(prefix, items, hidden,    n, i, parts, item, at, all)
{
    all = items (items != "" && hidden != "" ? ", " : "") hidden
    if (all == "")
        return
    n = split(all, parts, ", ")
    at = 0
    printf "enum {"
    for (i = 1; i <= n; i++) {
        split(parts[i], item, " ")
        printf "%s%s_%s = %d", (i > 1 ? ", " : " "), prefix, toupper(item[1]), at
        at += item[2] ~ /^point/ ? 2 : 1
    }
    print " };"
}

function print_header(    i, n)
{
    print "/* Made from sql/ by build-aux/embed-sql.awk: change the SQL, not this file. */"
    print "#ifndef ROWLOCK_CORE_STATEMENTS_H"
    print "#define ROWLOCK_CORE_STATEMENTS_H"
    print ""
    print "#include \"db/statement.h\""
    print ""
    print "/* &statements[STATEMENT_NAME]; a name that does not exist is an error of the compiler. */"
    print "#define STATEMENT(NAME) (&statements[STATEMENT_##NAME])"
    print ""
    print "enum statement_id {"
    for (i = 1; i <= ordered; i++)
        printf "    STATEMENT_%s,\n", toupper(statement_name[order_of[i]])
    print "    STATEMENT_COUNT"
    print "};"
    printf "#define STATEMENT_CALLS %d /* those before this are called by the server, the others by commands */\n", calls
    print ""
    print "extern const struct statement statements[STATEMENT_COUNT];"
    print ""
    print "/* Constants that C and SQL share. */"
    for (i = 1; i <= constants; i++)
        if (constant_key[i] ~ /^postgres /)
            printf "#define %s %s\n", substr(constant_key[i], 10), constant_value[constant_key[i]]
    print ""
    print "/* Positions of parameters and of columns, those of the reply and those behind them. */"
    for (i = 1; i <= lists; i++)
        if (list_key[i] ~ /^postgres /)
            print_positions("LIST_" toupper(substr(list_key[i], 10)), write_out(list_text[list_key[i]], "postgres", "", 0), "")
    for (i = 1; i <= ordered; i++) {
        n = order_of[i]
        print_positions("PARAM_" toupper(statement_name[n]), statement_params[n], "")
        print_positions("COLUMN_" toupper(statement_name[n]), statement_columns[n], statement_hidden[n])
    }
    print ""
    print "#endif"
}

function print_items(kind, prefix, items,    n, i, parts, item, nullable)
{
    if (items == "")
        return
    printf "static const struct statement_%s %ss_%s[] = {", kind, kind, prefix
    n = split(items, parts, ", ")
    for (i = 1; i <= n; i++) {
        split(parts[i], item, " ")
        nullable = sub(/[?]$/, "", item[2]) ? "true" : "false"
        printf "%s{\"%s\", %s_%s, %s}", (i > 1 ? ", " : ""), item[1], (kind == "param" ? "DB" : "COLUMN"),
            toupper(item[2]), nullable
    }
    print "};"
}

function count_items(items,    parts)
{
    return items == "" ? 0 : split(items, parts, ", ")
}

# Those of both engines in one list: each names constraints in its own way.
function print_refusals(n, other,    i, count, lines, constraint, member, text)
{
    text = statement_refusals[n] (statement_refusals[n] != "" && statement_refusals[other] != "" ? "\n" : "") statement_refusals[other]
    if (text == "")
        return 0
    printf "static const struct statement_refusal refusals_%s[] = {\n", statement_name[n]
    count = split(text, lines, "\n")
    for (i = 1; i <= count; i++) {
        constraint = substr(lines[i], 1, index(lines[i], ": ") - 1)
        text = substr(lines[i], index(lines[i], ": ") + 2)
        member = ""
        if (match(constraint, / of [a-z_]+$/)) {
            member = substr(constraint, RSTART + 4)
            constraint = substr(constraint, 1, RSTART - 1)
        }
        printf "    {%s, %s, %s},\n", literal(constraint), literal(text), (member == "" ? "NULL" : literal(member))
    }
    print "    {NULL, NULL, NULL},\n};"
    return 1
}

function print_statements(    i, n, other, name_of, has)
{
    for (i = 1; i <= ordered; i++) {
        n = order_of[i]
        print_items("param", statement_name[n], statement_params[n])
        print_items("column", statement_name[n], statement_columns[n])
        has[i] = print_refusals(n, statement_number["sqlite " statement_name[n]])
    }
    print ""
    print "const struct statement statements[STATEMENT_COUNT] = {"
    for (i = 1; i <= ordered; i++) {
        n = order_of[i]
        other = statement_number["sqlite " statement_name[n]]
        name_of = statement_name[n]
        printf "    {.name = \"%s\",\n     .index = STATEMENT_%s,\n", name_of, toupper(name_of)
        if (statement_kind[n] == "set")
            print "     .set = true,"
        if (statement_flags[n] ~ / writes /)
            print "     .writes = true,"
        if (statement_flags[n] ~ / waits /)
            print "     .waits = true,"
        if (statement_flags[n] ~ / heavy /)
            print "     .heavy = true,"
        if (statement_flags[n] ~ / apart /)
            print "     .apart = true,"
        if (statement_flags[n] ~ / told /)
            print "     .told = true,"
        if (statement_params[n] != "")
            printf "     .params = params_%s,\n     .param_count = %d,\n", name_of, count_items(statement_params[n])
        if (statement_columns[n] != "")
            printf "     .columns = columns_%s,\n     .column_count = %d,\n", name_of, count_items(statement_columns[n])
        if (statement_row[n] != "")
            printf "     .row = \"%s\",\n", statement_row[n]
        if (has[i])
            printf "     .refusals = refusals_%s,\n", name_of
        printf "     .text = {[DB_POSTGRES] =%s,\n              [DB_SQLITE] =%s}},\n", literals(without_last_newline(statement_text[n])),
            literals(without_last_newline(statement_text[other]))
    }
    print "};"
}

# ---- files ----

function end_migration(    key, record, serves)
{
    if (migration_file == "")
        return
    if (body !~ /[^ \t\n]/)
        fail(migration_file, 0, "the migration is empty")
    # It records itself, because the files are run by hand as well.
    record = "INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (" version ", '" migration_word "', "
    if (index(last_line, record) != 1 || substr(last_line, length(record) + 1) !~ /^[1-9][0-9]*\);$/)
        fail(migration_file, 0, "a migration ends with the line \"" record "N);\", N the oldest server (by the newest migration it knows) that works on this schema")
    serves = substr(last_line, length(record) + 1) + 0
    key = migration_engine " " version
    if (key in version_file)
        fail(migration_file, 0, "version " version " is already taken by " version_file[key])
    version_file[key] = migration_file
    if (serves > version)
        fail(migration_file, 0, "serves " serves ", which is later than its own version " version)
    migrations++
    migration_engine_of[migrations] = migration_engine
    migration_version[migrations] = version
    migration_serves[migrations] = serves
    migration_name[migrations] = migration_word
    migration_text[migrations] = body
    migration_apart[migrations] = body ~ /(^|\n)CREATE INDEX CONCURRENTLY /
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
        last_line = ""
    }
}

FNR == 1 { begin_file() }

{ sub(/\r$/, "") }

is_migration && /[^ \t]/ { last_line = $0 }

!is_migration && /^--[ \t]*(name|text)[ \t]*:/ {
    end_statement()
    if ($0 !~ /^-- (name|text): [a-z][a-z0-9_]*[ \t]*$/)
        fail(FILENAME, FNR, "write it as \"-- name: word\", or \"-- text: word\", in lower-case letters, digits and _")
    name = substr($0, 10)
    sub(/[ \t]+$/, "", name)
    name_kind = $0 ~ /^-- name/ ? "statement" : "text"
    name_engine = engine
    name_file = FILENAME
    name_line = FNR
    body = ""
    next
}

!is_migration && pending != "" {
    if ($0 !~ /^--[ ][ ][ ]/)
        fail(FILENAME, FNR, "the declaration before this line goes on behind its last comma")
    pending_text = pending_text " " trim(substr($0, 4))
    end_declaration()
    next
}

!is_migration && /^-- (list [a-z][a-z0-9_]*:|constant [A-Z][A-Z0-9_]* )/ {
    end_statement()
    begin_declaration($2)
    end_declaration()
    next
}

!is_migration && name != "" && body == "" && declared == "" && /^-- (set|one|command) [a-z ]*[(]/ {
    begin_declaration("statement")
    end_declaration()
    next
}

!is_migration && name != "" && body == "" && /^-- refuses .+: / {
    begin_declaration("refuses")
    end_declaration()
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

    # Statements that the server calls come first, those of commands behind them.
    for (i = 1; i <= statements; i++) {
        statement_text[i] = expand(statement_text[i], statement_engine[i], statement_at[i], 0)
        read_declaration(i)
    }
    compare_engines()
    for (j = 1; j <= 2; j++) {
        for (i = 1; i <= statements; i++)
            if (statement_engine[i] == "postgres" && (statement_kind[i] == "command") == (j == 2))
                order_of[++ordered] = i
        if (j == 1)
            calls = ordered
    }
    if (part == "postgres" || part == "sqlite") {
        for (i = 1; i <= statements; i++)
            if (statement_engine[i] == part)
                printf "-- name: %s\n%s;\n\n", statement_name[i], statement_text[i]
        exit 0
    }
    if (part == "header") {
        print_header()
        exit 0
    }
    print "/* Made from sql/ by build-aux/embed-sql.awk: change the SQL, not this file. */"
    print "#include <config.h>"
    print ""
    print "#include \"core/sql.h\""
    print "#include \"core/statements.h\""
    print ""
    print_statements()
    print ""
    print "const struct sql_migration sql_migrations[] = {"
    for (i = 1; i <= migrations; i++) {
        m = order[i]
        printf "    {\"%s\", \"%s\", %d, %d, %s,%s},\n", migration_engine_of[m], migration_name[m], migration_version[m],
            migration_serves[m], migration_apart[m] ? "true" : "false", literals(migration_text[m], 1)
    }
    print "    {NULL, NULL, 0, 0, false, NULL},"
    print "};"
    printf "const size_t sql_migration_count = %d;\n", migrations
}
