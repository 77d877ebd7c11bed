# Turn the templates of web/pages into C (src/web/template.h says what they are there). -v part=header prints
# src/web/templates.h, -v part=source the C file. Files, in this order: src/web/format.h, which names the formats; what
# build-aux/embed-assets prints with "list", a line "NAME ADDRESS" for each file that pages load; and the templates.
#
# A template is HTML with these tags, each on one line:
#
#   {{name}}             the value, escaped; {{a.b}} is a member of a, {{a.0}} the first of an array, {{.}} the value itself
#   {{.name}}            the same of the innermost object alone; other names are looked for further out as well
#   {{name|format}}      in a form of src/web/format.h
#   {{#name}}…{{/name}}  for each of an array, in an object, or once if it is there, true and not empty; within an object, and
#                        within what an array holds, names are looked for there first
#   {{^name}}…{{/name}}  if it is not
#   {{>part}}            another template
#   {{@file}}            the address of a file that pages load
#   {{! words }}         nothing
#
# Values stand in text and in attributes with double quotes, nowhere else; there is no form that does not escape. An
# attribute that holds an address begins with one of this server, or with a value as |link; further values in it are |url.
# What the Content-Security-Policy of pages refuses (scripts and styles in the page) is refused here.
#
# Plain POSIX awk: mawk, gawk and busybox all run it. Call with LC_ALL=C, behind -f build-aux/c-text.awk.

function fail(line, message)
{
    printf "%s:%s: %s\n", FILENAME, line, message > "/dev/stderr"
    failed = 1
    exit 1
}

# ---- where in the HTML it is: "text", "tag" (between < and >), "value" (an attribute's, in quotes), "comment" ----

function is_address(attribute)
{
    return attribute ~ /^(href|src|action|formaction|cite|poster|data|srcset|xlink:href)$/
}

function take_attribute(text,    name)
{
    name = text
    if (!match(name, /[^ \t\n<"]+=$/))
        fail(FNR, "a quote in a tag that is not behind NAME=")
    attribute = tolower(substr(name, RSTART, RLENGTH - 1))
    if (attribute ~ /^on/ || attribute == "style")
        fail(FNR, attribute "= is refused by the Content-Security-Policy of pages: use web/rowlock.js and web/style.css")
    attribute_empty = 1
}

function end_tag(    name)
{
    name = tolower(tag_text)
    sub(/[ \t\n].*/, "", name)
    if (name == "style")
        fail(FNR, "<style> is refused by the Content-Security-Policy of pages: use web/style.css")
    if (name == "script" && tag_text !~ /[ \t\n]src=/)
        fail(FNR, "a script in the page is refused by its Content-Security-Policy: use web/rowlock.js")
    after_script = name == "script"
}

function read_html(text,    i, c)
{
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (where == "comment") {
            if (substr(text, i, 3) == "-->")
                where = "text"
        } else if (where == "value") {
            if (c == "\"")
                where = "tag"
            attribute_empty = 0
        } else if (where == "tag") {
            if (c == "\"") {
                take_attribute(tag_text)
                where = "value"
            } else if (c == "'")
                fail(FNR, "values of attributes stand in double quotes")
            else if (c == ">") {
                where = "text"
                end_tag()
            } else if (c == "<")
                fail(FNR, "the tag before this < is open")
            tag_text = tag_text c
        } else if (substr(text, i, 4) == "<!--")
            where = "comment"
        else if (c == "<" && substr(text, i + 1, 1) ~ /[A-Za-z\/!]/) {
            if (after_script && tolower(substr(text, i, 8)) != "</script")
                fail(FNR, "a script has its text in a file")
            where = "tag"
            tag_text = ""
        } else if (after_script && c !~ /[ \t\n]/)
            fail(FNR, "a script has its text in a file")
        if (where == "tag" && c == "<")
            after_script = 0
    }
}

# ---- what a template consists of ----

function add_op(kind, name, rest)
{
    ops++
    op_kind[ops] = kind
    op_name[ops] = name
    op_rest[ops] = rest
    return ops
}

function add_text(text)
{
    if (text == "")
        return
    read_html(text)
    if (ops > first_op && op_kind[ops] == "TEXT" && !sealed)
        op_name[ops] = op_name[ops] text
    else
        add_op("TEXT", text, 0)
    sealed = 0
}

function add_value(name,    format)
{
    format = ""
    if (match(name, /\|/)) {
        format = substr(name, RSTART + 1)
        name = substr(name, 1, RSTART - 1)
        if (!(format in formats))
            fail(FNR, "there is no format " format " in src/web/format.h")
    }
    if (where != "text" && where != "value")
        fail(FNR, "{{" name "}} stands neither in text nor in an attribute with double quotes")
    if (where == "value" && is_address(attribute)) {
        if (attribute_empty && format != "link")
            fail(FNR, attribute "= begins with {{" name "}}, which may be any address: write {{" name "|link}}")
        if (!attribute_empty && format != "url")
            fail(FNR, "{{" name "}} is a part of an address: write {{" name "|url}}")
    }
    attribute_empty = 0
    add_op("VALUE", name, format == "" ? "FORMAT_NONE" : "FORMAT_" toupper(format))
}

function open_section(kind, name)
{
    depth++
    section_op[depth] = add_op(kind, name, 0)
    section_name[depth] = name
    section_where[depth] = where
    section_line[depth] = FNR
}

function close_section(name)
{
    if (depth == 0 || section_name[depth] != name)
        fail(FNR, "{{/" name "}} closes " (depth == 0 ? "nothing" : "{{" section_name[depth] "}} of line " section_line[depth]))
    if (section_where[depth] != where)
        fail(FNR, "{{/" name "}} stands elsewhere in the HTML than what it closes, in line " section_line[depth])
    op_rest[section_op[depth]] = ops - first_op
    depth--
    sealed = 1
}

function add_tag(tag,    sigil, name)
{
    sigil = substr(tag, 1, 1)
    name = sigil ~ /[#^\/>@!]/ ? substr(tag, 2) : tag
    if (sigil == "!")
        return
    if (sigil == "@") {
        if (!(name in addresses))
            fail(FNR, "{{@" name "}}: there is no such file in web/")
        add_text(addresses[name])
        return
    }
    if (name !~ /^([.]|[.]?[a-z_][a-z0-9_]*([.][a-z0-9_]+)*)([|][a-z]+)?$/ || (index(name, "|") && sigil != substr(name, 1, 1)))
        fail(FNR, "what is {{" tag "}}?")
    if (sigil == "#")
        open_section("SECTION", name)
    else if (sigil == "^")
        open_section("INVERTED", name)
    else if (sigil == "/")
        close_section(name)
    else if (sigil == ">") {
        if (where != "text")
            fail(FNR, "{{>" name "}} stands in a tag")
        part_line[add_op("PART", name, 0)] = FILENAME ":" FNR
    } else
        add_value(name)
}

function end_file()
{
    if (template == "")
        return
    if (depth > 0)
        fail(section_line[depth], "{{" section_name[depth] "}} is not closed")
    if (where != "text")
        fail(last_line, "the template ends within a " (where == "comment" ? "comment" : "tag"))
    first_of[template] = first_op + 1
    last_of[template] = ops
    template = ""
}

function begin_file(    parts, n)
{
    end_file()
    n = split(FILENAME, parts, "/")
    is_template = sub(/[.]html$/, "", parts[n])
    if (!is_template)
        return
    template = parts[n]
    if (template !~ /^[a-z][a-z0-9_]*$/)
        fail(1, "a template is called by lower-case letters, digits and _")
    templates[++template_count] = template
    first_op = ops
    depth = 0
    where = "text"
    after_script = sealed = 0
}

# A tag that stands alone in its line takes the line with it.
function is_alone(line)
{
    return line ~ /^[ \t]*[{][{][#^\/>!][^}]*[}][}][ \t]*$/
}

function read_line(line,    at, close_at, tag)
{
    while ((at = index(line, "{{")) > 0) {
        add_text(substr(line, 1, at - 1))
        line = substr(line, at + 2)
        close_at = index(line, "}}")
        if (close_at == 0)
            fail(FNR, "a {{ is not closed in its line")
        tag = substr(line, 1, close_at - 1)
        gsub(/^[ \t]+|[ \t]+$/, "", tag)
        add_tag(tag)
        line = substr(line, close_at + 2)
    }
    return line
}

FNR == 1 { begin_file() }

{ sub(/\r$/, "") }

!is_template && /^[ \t]*FORMAT_[A-Z0-9_]+/ {
    match($0, /FORMAT_[A-Z0-9_]+/)
    formats[tolower(substr($0, RSTART + 7, RLENGTH - 7))] = 1
}

!is_template && NF == 2 && $2 ~ /^\// { addresses[$1] = $2 }

is_template {
    last_line = FNR
    line = $0
    if (is_alone(line)) {
        gsub(/^[ \t]+|[ \t]+$/, "", line)
        read_line(line)
    } else
        add_text(read_line(line) "\n")
}

# ---- C ----

function print_header(    i)
{
    print "/* Made from web/pages by build-aux/embed-pages.awk: change the templates, not this file. */"
    print "#ifndef ROWLOCK_WEB_TEMPLATES_H"
    print "#define ROWLOCK_WEB_TEMPLATES_H"
    print ""
    print "#include \"web/template.h\""
    print ""
    print "/* &templates[TEMPLATE_NAME] of web/pages/name.html; a name that does not exist is an error of the compiler. */"
    print "#define TEMPLATE(NAME) (&templates[TEMPLATE_##NAME])"
    print ""
    print "enum template_id {"
    for (i = 1; i <= template_count; i++)
        printf "    TEMPLATE_%s,\n", toupper(templates[i])
    print "    TEMPLATE_COUNT"
    print "};"
    print ""
    print "extern const struct web_template templates[TEMPLATE_COUNT];"
    print ""
    print "#endif"
}

function print_ops(name,    i)
{
    printf "static const struct template_op ops_%s[] = {\n", name
    for (i = first_of[name]; i <= last_of[name]; i++) {
        if (op_kind[i] == "TEXT")
            printf "    {.kind = TEMPLATE_TEXT, .text = {%s, %d}},\n", literals(op_name[i]), length(op_name[i])
        else if (op_kind[i] == "VALUE")
            printf "    {.kind = TEMPLATE_VALUE, .text = {%s, %d}, .format = %s},\n", literal(op_name[i]), length(op_name[i]), op_rest[i]
        else if (op_kind[i] == "PART")
            printf "    {.kind = TEMPLATE_PART, .part = &templates[TEMPLATE_%s]},\n", toupper(op_name[i])
        else
            printf "    {.kind = TEMPLATE_%s, .text = {%s, %d}, .end = %d},\n", op_kind[i], literal(op_name[i]), length(op_name[i]), op_rest[i]
    }
    print "    {.kind = TEMPLATE_END},\n};"
}

function print_source(    i)
{
    print "/* Made from web/pages by build-aux/embed-pages.awk: change the templates, not this file. */"
    print "#include <config.h>"
    print ""
    print "#include \"web/templates.h\""
    print ""
    for (i = 1; i <= template_count; i++)
        print_ops(templates[i])
    print ""
    print "const struct web_template templates[TEMPLATE_COUNT] = {"
    for (i = 1; i <= template_count; i++)
        printf "    {\"%s\", ops_%s},\n", templates[i], templates[i]
    print "};"
}

# Fails when a part is not there, or is a part of itself.
function follow_parts(name, path,    i)
{
    for (i = first_of[name]; i <= last_of[name]; i++) {
        if (op_kind[i] != "PART")
            continue
        if (!(op_name[i] in first_of) || index(path " ", " " op_name[i] " ")) {
            printf "%s: {{>%s}}: %s\n", part_line[i], op_name[i],
                (op_name[i] in first_of) ? "a part of itself" : "there is no such template in web/pages" > "/dev/stderr"
            failed = 1
            exit 1
        }
        follow_parts(op_name[i], path " " op_name[i])
    }
}

END {
    if (failed)
        exit 1
    end_file()
    for (t = 1; t <= template_count; t++)
        follow_parts(templates[t], " " templates[t])
    if (part == "header")
        print_header()
    else
        print_source()
}
