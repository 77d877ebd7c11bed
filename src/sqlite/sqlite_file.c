/* One file of SQLite, its rights, and where it is. sqlite_file_open: create (with the mode that companions shall have),
 * connect_file: mend_companion, open, configure, remember (what the file, -wal and -shm were). Later sqlite_file_place
 * compares these with what is there now: sqlite_file_reopen for a file that may be used again, sqlite_file_rescue for
 * a WAL that is gone. */
#include <config.h>

#include "sqlite/sqlite_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

#define ROOM ((off_t)64 << 10) /* that a take needs in the WAL, and then some */
#define OPEN_MS 2000           /* it may wait so long for another process at the start, */
#define REOPEN_MS 20           /* and so long in the loop, where the next look comes soon */
#define LOW_SHARE 20
#define PLENTY ((uint64_t)1 << 20) /* with so much left the disk is not what is full */

struct identity {
    dev_t device;
    ino_t inode; /* 0: it is not there */
};

struct sqlite_file {
    sqlite3 *db; /* NULL after a reopening that failed */
    char *path, *wal_path, *shm_path;
    int busy_ms;
    struct identity main, wal, shm; /* as they were opened */
    int wal_fd;                     /* SQLite's own; -1: it has none */
    char error[256];
    int code; /* of the last failure */
};

/* ---- what went wrong ---- */

/* SQLite's result codes, extended ones first; what has no row is DB_FAILED. Of PostgreSQL's see sqlstate.c. */
static const struct {
    int code;
    enum db_error error;
} rules[] = {
    {SQLITE_OK, DB_OK},
    {SQLITE_CONSTRAINT_TRIGGER, DB_FAILED}, /* what a trigger raises */
    {SQLITE_CONSTRAINT_FUNCTION, DB_FAILED},
    {SQLITE_CONSTRAINT_VTAB, DB_FAILED},
    {SQLITE_CONSTRAINT, DB_REFUSED}, /* whose fault that is, core/refusal.h says */
    {SQLITE_TOOBIG, DB_REFUSED},
    {SQLITE_MISMATCH, DB_REFUSED},
    {SQLITE_BUSY, DB_BUSY},
    {SQLITE_LOCKED, DB_BUSY},
    {SQLITE_PROTOCOL, DB_BUSY}, /* a race for the WAL's locks */
    {SQLITE_NOMEM, DB_BUSY},
    {SQLITE_INTERRUPT, DB_BUSY},
    {SQLITE_ABORT, DB_RETRY},
    {SQLITE_SCHEMA, DB_SCHEMA},
    {SQLITE_FULL, DB_FULL},
    {SQLITE_READONLY_DBMOVED, DB_AWAY}, /* removed or replaced */
    {SQLITE_READONLY, DB_DENIED},
    {SQLITE_PERM, DB_DENIED},
    {SQLITE_AUTH, DB_DENIED},
    {SQLITE_IOERR, DB_AWAY},
    {SQLITE_CANTOPEN, DB_AWAY},
    {SQLITE_CORRUPT, DB_AWAY},
    {SQLITE_NOTADB, DB_AWAY},
};

static enum db_error classify(int code)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].code == code)
            return rules[i].error;
    return code > 0xff ? classify(code & 0xff) : DB_FAILED;
}

/* SQLite says "full" of numbers that have run out as well. */
static bool has_plenty(const struct sqlite_file *file)
{
    struct statvfs disk;
    return statvfs(file->path, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize > PLENTY;
}

static bool lacks_table(const char *message)
{
    return strncmp(message, "no such table", 13) == 0 || strncmp(message, "no such column", 14) == 0 ||
           strstr(message, " has no column named ") != NULL;
}

enum db_error sqlite_file_failure(const struct sqlite_file *file)
{
    enum db_error error = classify(file->code);
    if (error == DB_FULL && has_plenty(file))
        error = DB_FAILED;
    return error == DB_FAILED && lacks_table(file->error) ? DB_SCHEMA : error;
}

enum db_error sqlite_file_note(struct sqlite_file *file, int code)
{
    const char *message = file->db != NULL ? sqlite3_errmsg(file->db) : "it cannot be opened";
    if (file->db != NULL || file->error[0] == '\0')
        snprintf(file->error, sizeof file->error, "%s", message);
    file->code = code;
    return sqlite_file_failure(file);
}

struct sqlite3 *sqlite_file_handle(const struct sqlite_file *file)
{
    return file->db;
}

void sqlite_file_complain(struct sqlite_file *file, const char *message)
{
    file->code = SQLITE_ERROR;
    snprintf(file->error, sizeof file->error, "%s", message);
}

const char *sqlite_file_error(const struct sqlite_file *file)
{
    return file->error;
}

bool sqlite_file_usable(const struct sqlite_file *file)
{
    return file->db != NULL;
}

bool sqlite_file_unsure(const struct sqlite_file *file)
{
    return (file->code & 0xff) == SQLITE_IOERR && file->code != SQLITE_IOERR_WRITE;
}

/* ---- opening ---- */

static struct identity identify(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? (struct identity){found.st_dev, found.st_ino} : (struct identity){0, 0};
}

static bool same_identity(struct identity a, struct identity b)
{
    return a.device == b.device && a.inode == b.inode;
}

/* SQLite gives its companions the mode of the file, so this one decides. One that is there keeps what it has. */
static void create(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* there already, or SQLite says what is wrong */
    if (fchmod(fd, 0600) !=
        0) { /* whatever the umask is; a file system that has no modes is right as it is */
    }
    close(fd);
}

/* SQLite has given it the mode that the file had then. If that could not be written and can be now, its companions
 * never would be, whoever opens them. */
static void mend_companion(const char *path, const char *suffix)
{
    struct stat main, found;
    char *own = realpath(path, NULL);
    char *companion = own != NULL ? mem_printf("%s%s", own, suffix) : NULL;
    if (companion != NULL && stat(own, &main) == 0 && access(own, W_OK) == 0 &&
        lstat(companion, &found) == 0 && S_ISREG(found.st_mode) && access(companion, W_OK) != 0 &&
        chmod(companion, main.st_mode & 0777) != 0) { /* it is another user's: SQLite says what is wrong */
    }
    free(companion);
    free(own);
}

/* The descriptor by which SQLite writes the WAL: opening another one would say nothing about that one's rights. */
static int find_descriptor(struct identity wanted)
{
    DIR *folder = wanted.inode != 0 ? opendir("/proc/self/fd") : NULL;
    int found = -1;
    struct dirent *entry;
    while (folder != NULL && found < 0 && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);
        struct stat of;
        if (entry->d_name[0] != '.' && fstat(fd, &of) == 0 &&
            same_identity((struct identity){of.st_dev, of.st_ino}, wanted))
            found = fd;
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* The companions stand beside the file itself, wherever links lead to it. */
static void remember(struct sqlite_file *file)
{
    const char *path = sqlite3_db_filename(file->db, "main");
    free(file->wal_path);
    free(file->shm_path);
    file->wal_path = mem_printf("%s-wal", path);
    file->shm_path = mem_printf("%s-shm", path);
    file->main = identify(file->path);
    file->wal = identify(file->wal_path);
    file->shm = identify(file->shm_path);
    file->wal_fd = find_descriptor(file->wal);
}

/* The last of the script reads, so that the WAL and its index are open when this has returned. */
static int configure(struct sqlite_file *file, int wait_ms)
{
    sqlite3_extended_result_codes(file->db, 1);
    sqlite3_busy_timeout(file->db, wait_ms); /* for the switch to WAL alone */
    int code = sqlite3_exec(file->db,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                            "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
                            "SELECT count(*) FROM sqlite_schema",
                            NULL, NULL, NULL);
    sqlite3_busy_timeout(file->db, file->busy_ms);
    return code;
}

static bool connect_file(struct sqlite_file *file, int flags, int wait_ms)
{
    mend_companion(file->path, "-wal");
    mend_companion(file->path, "-shm");
    int code =
        sqlite3_open_v2(file->path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL);
    if (code == SQLITE_OK)
        code = configure(file, wait_ms);
    if (code == SQLITE_OK) {
        remember(file);
        return true;
    }
    sqlite_file_note(file, code);
    sqlite3_close(file->db);
    file->db = NULL;
    return false;
}

/* SQLite says "unable to open database file" to all of these. NULL: something else. */
static char *why_not_opened(const char *path)
{
    struct stat info;
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? mem_dup(".") : mem_dup_n(path, slash == path ? 1 : (size_t)(slash - path));
    char *why = NULL;
    bool there = stat(path, &info) == 0;
    if (there && !S_ISREG(info.st_mode))
        why = mem_printf("it is %s, not a file", S_ISDIR(info.st_mode) ? "a folder" : "something special");
    else if (there && access(path, R_OK | W_OK) != 0)
        why = mem_printf("this user may not read and write it");
    else if (stat(folder, &info) != 0)
        why = mem_printf("the folder %s: %s", folder, strerror(errno));
    else if (access(folder, W_OK | X_OK) != 0)
        why = mem_printf("this user may not write to the folder %s", folder);
    free(folder);
    return why;
}

struct sqlite_file *sqlite_file_open(const char *path, int busy_ms, char **error)
{
    struct sqlite_file *file = mem_new(sizeof *file);
    file->path = mem_dup(path);
    file->busy_ms = busy_ms;
    file->wal_fd = -1;
    create(path);
    if (connect_file(file, SQLITE_OPEN_CREATE, OPEN_MS))
        return file;
    *error = (file->code & 0xff) == SQLITE_CANTOPEN ? why_not_opened(path) : NULL;
    if (*error == NULL)
        *error = mem_dup(file->error);
    sqlite_file_close(file);
    return NULL;
}

/* Without an index of the WAL nobody has it open: then SQLite need not, and must not, make one. */
static char *look_uri(const char *path)
{
    char *own = realpath(path, NULL), *index = mem_printf("%s-shm", own != NULL ? own : path);
    char *name = mem_new(3 * strlen(path) + 1);
    text_percent_encode(slice_of(path), name);
    char *uri = mem_printf("file:%s%s", name, access(index, F_OK) == 0 ? "" : "?immutable=1");
    free(own);
    free(index);
    free(name);
    return uri;
}

static int look_at(struct sqlite_file *file)
{
    char *uri = look_uri(file->path);
    int code =
        sqlite3_open_v2(uri, &file->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    free(uri);
    if (code != SQLITE_OK)
        return code;
    sqlite3_extended_result_codes(file->db, 1);
    sqlite3_busy_timeout(file->db, OPEN_MS);
    return sqlite3_exec(file->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
}

static bool has_room(const char *path)
{
    char *own = realpath(path, NULL);
    struct statvfs disk;
    bool full = own != NULL && statvfs(own, &disk) == 0 && disk.f_bavail * disk.f_frsize < (uint64_t)ROOM;
    free(own);
    return !full;
}

bool sqlite_file_look(const char *path, struct sqlite_file **file, char **error)
{
    struct stat info;
    *file = NULL;
    *error = why_not_opened(path);
    if (*error == NULL && !has_room(path))
        *error = mem_dup("its disk has no room left");
    if (*error != NULL || stat(path, &info) != 0)
        return *error == NULL;
    *file = mem_new(sizeof **file);
    (*file)->path = mem_dup(path);
    (*file)->wal_fd = -1;
    int code = look_at(*file);
    if (code == SQLITE_OK)
        return true;
    sqlite_file_note(*file, code);
    *error = mem_dup((*file)->error);
    sqlite_file_close(*file);
    return false;
}

static void sqlite_file_disconnect(struct sqlite_file *file, bool keep_apart)
{
    if (keep_apart && file->db != NULL)
        sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(file->db);
    file->db = NULL;
    file->wal_fd = -1;
}

bool sqlite_file_reopen(struct sqlite_file *file)
{
    struct identity before = file->main;
    sqlite_file_disconnect(file, false);
    if (!same_identity(identify(file->path), before)) {
        snprintf(file->error, sizeof file->error, "it is not there");
        return false;
    }
    return connect_file(file, 0, REOPEN_MS);
}

void sqlite_file_close(struct sqlite_file *file)
{
    if (file == NULL)
        return;
    enum sqlite_file_place place = sqlite_file_place(file);
    bool rescued = place == SQLITE_FILE_WAL_GONE && sqlite_file_rescue(file);
    sqlite_file_disconnect(file, place != SQLITE_FILE_THERE && !rescued);
    free(file->path);
    free(file->wal_path);
    free(file->shm_path);
    free(file);
}

/* ---- where it is ---- */

static bool has_moved(const struct sqlite_file *file)
{
    int moved = 0;
    if (file->db == NULL)
        return file->main.inode != 0 && !same_identity(identify(file->path), file->main);
    return sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

/* A WAL that was cut short or written over begins with something else: what the index says of it is wrong then. */
static bool begins_as_log(const struct sqlite_file *file)
{
    unsigned char magic[4];
    if (file->wal_fd < 0 || pread(file->wal_fd, magic, sizeof magic, 0) != (ssize_t)sizeof magic)
        return true; /* it is empty */
    return magic[0] == 0x37 && magic[1] == 0x7f && magic[2] == 0x06 && (magic[3] & 0xfe) == 0x82;
}

enum sqlite_file_place sqlite_file_place(const struct sqlite_file *file)
{
    if (has_moved(file))
        return SQLITE_FILE_MOVED;
    if (file->db == NULL)
        return SQLITE_FILE_THERE;
    bool wal = file->wal.inode == 0 || same_identity(identify(file->wal_path), file->wal);
    bool shm = file->shm.inode == 0 || same_identity(identify(file->shm_path), file->shm);
    return wal && shm && begins_as_log(file) ? SQLITE_FILE_THERE : SQLITE_FILE_WAL_GONE;
}

/* Another process that has begun a log of its own has not seen what is in ours; ours over its changes would break the
 * file. */
bool sqlite_file_rescue(struct sqlite_file *file)
{
    struct stat other;
    if (!begins_as_log(file)) {
        snprintf(file->error, sizeof file->error, "the write-ahead log was cut short or written over");
        return false;
    }
    if (stat(file->wal_path, &other) == 0 && !same_identity(identify(file->wal_path), file->wal) &&
        other.st_size > 0) {
        snprintf(file->error, sizeof file->error, "another process has begun a new write-ahead log");
        return false;
    }
    int code = sqlite3_wal_checkpoint_v2(file->db, "main", SQLITE_CHECKPOINT_FULL, NULL, NULL);
    return code == SQLITE_OK || (sqlite_file_note(file, code), false);
}

/* Blocks that are reserved behind the end of the WAL change nothing in it, and are the next to be written; once there
 * they cost nothing to ask for again. */
enum db_error sqlite_file_room(struct sqlite_file *file)
{
    struct stat wal;
    if (sqlite3_db_readonly(file->db, "main") == 1) { /* BEGIN IMMEDIATE does not say so */
        snprintf(file->error, sizeof file->error, "%s is readonly for this server", file->path);
        return DB_DENIED;
    }
    if (file->wal_fd < 0 || fstat(file->wal_fd, &wal) != 0 ||
        fallocate(file->wal_fd, FALLOC_FL_KEEP_SIZE, wal.st_size, ROOM) == 0)
        return DB_OK;
    int why = errno;
    bool unknown = why == EOPNOTSUPP || why == ENOSYS || why == EINTR;
    if (unknown && !has_plenty(file))
        why = ENOSPC;
    else if (unknown)
        return DB_OK;
    snprintf(file->error, sizeof file->error, "%s: %s", file->wal_path, strerror(why));
    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        return DB_FULL;
    return why == EPERM || why == EROFS || why == EACCES || why == EBADF ? DB_DENIED : DB_AWAY;
}

bool sqlite_file_low(const struct sqlite_file *file)
{
    struct statvfs disk;
    return statvfs(file->path, &disk) == 0 && disk.f_bavail < disk.f_blocks / LOW_SHARE;
}

int64_t sqlite_file_wal_size(const struct sqlite_file *file)
{
    struct stat wal;
    return stat(file->wal_path, &wal) == 0 ? (int64_t)wal.st_size : 0;
}

void sqlite_file_checkpoint_itself(struct sqlite_file *file, bool itself)
{
    if (file->db != NULL)
        sqlite3_wal_autocheckpoint(file->db, itself ? 1000 : 0);
}

/* ---- scripts ---- */

enum db_error sqlite_file_script(struct sqlite_file *file, const char *sql)
{
    int code = file->db != NULL ? sqlite3_exec(file->db, sql, NULL, NULL, NULL) : SQLITE_CANTOPEN;
    return code == SQLITE_OK ? DB_OK : sqlite_file_note(file, code);
}

bool sqlite_file_in_transaction(const struct sqlite_file *file)
{
    return file->db != NULL && sqlite3_get_autocommit(file->db) == 0;
}
