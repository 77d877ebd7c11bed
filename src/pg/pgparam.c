/* pgparam_encode writes all values one behind the other into one buffer, and then, as the buffer may have moved
 * meanwhile, fills the pointers to them. */
#include <config.h>

#include "pg/pgparam.h"

#include <endian.h>
#include <string.h>

#define PGPARAM_MAX ((size_t)256 << 20)

/* pg_type.dat */
static const unsigned scalar_types[] = {[DB_INT] = 20, [DB_FLOAT] = 701, [DB_TEXT] = 25};
static const unsigned array_types[] = {[DB_INT] = 1016, [DB_FLOAT] = 1022, [DB_TEXT] = 1009};

unsigned pgparam_type(enum db_type type, bool array)
{
    return array ? array_types[type] : scalar_types[type];
}

static void add_32(struct buf *out, uint32_t number)
{
    uint32_t wire = htobe32(number);
    buf_add(out, &wire, sizeof wire);
}

static void add_64(struct buf *out, uint64_t number)
{
    uint64_t wire = htobe64(number);
    buf_add(out, &wire, sizeof wire);
}

static void pgparam_add_value(struct buf *out, enum db_type type, const struct db_param *param)
{
    uint64_t bits;
    switch (type) {
    case DB_INT:
        add_64(out, (uint64_t)param->integer);
        break;
    case DB_FLOAT:
        memcpy(&bits, &param->real, sizeof bits);
        add_64(out, bits);
        break;
    case DB_TEXT:
        buf_add_slice(out, param->text);
        break;
    }
}

static void add_array(struct buf *out, const struct db_request *request, unsigned index)
{
    const struct statement *statement = request->statement;
    enum db_type type = statement->params[index].type;
    bool nulls = false;
    for (unsigned position = 0; position < request->call_count; position++)
        nulls |= request->params[position * statement->param_count + index].null;
    add_32(out, 1);
    add_32(out, nulls);
    add_32(out, scalar_types[type]);
    add_32(out, request->call_count);
    add_32(out, 1);
    for (unsigned position = 0; position < request->call_count; position++) {
        const struct db_param *param = &request->params[position * statement->param_count + index];
        if (param->null) {
            add_32(out, UINT32_MAX);
            continue;
        }
        add_32(out, type == DB_TEXT ? (uint32_t)param->text.len : 8);
        pgparam_add_value(out, type, param);
    }
}

void pgparam_encode(struct pgparam *param, const struct db_request *request)
{
    const struct statement *statement = request->statement;
    size_t starts[DB_PARAMS_MAX];
    param->bytes.max = PGPARAM_MAX;
    buf_clear(&param->bytes);
    buf_trim(&param->bytes, 65536);
    for (unsigned i = 0; i < statement->param_count; i++) {
        starts[i] = param->bytes.len;
        if (statement->set)
            add_array(&param->bytes, request, i);
        else if (!request->params[i].null)
            pgparam_add_value(&param->bytes, statement->params[i].type, &request->params[i]);
        param->lengths[i] = (int)(param->bytes.len - starts[i]);
        param->formats[i] = 1;
    }
    for (unsigned i = 0; i < statement->param_count; i++) {
        bool null = !statement->set && request->params[i].null;
        param->values[i] = null ? NULL : param->lengths[i] == 0 ? "" : param->bytes.data + starts[i];
    }
}

void pgparam_fini(struct pgparam *param)
{
    buf_fini(&param->bytes);
}
