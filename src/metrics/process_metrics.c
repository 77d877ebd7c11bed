/* process_metrics_sample asks for one thing after the other. */
#include <config.h>

#include "metrics/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#define FDS "/proc/self/fd"
#define COUNT_AGAIN_NS (15 * CLOCK_SECOND)

/* Of a process; a worker has that of its parent at first. */
static struct known {
    pid_t pid;
    uint64_t began, cpu, fds;
    int64_t counted_at;
} process;

static uint64_t nanoseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

/* What was used since it was last asked. */
static void sample_cpu(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return;
    uint64_t used = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
    if (used > process.cpu) {
        metric_add(METRIC_PROCESS_CPU, 0, used - process.cpu);
        process.cpu = used;
    }
}

static void sample_memory(void)
{
    char text[128];
    unsigned long virtual_pages, resident_pages;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%lu %lu", &virtual_pages, &resident_pages) != 2)
        return;
    metric_set(METRIC_PROCESS_VIRTUAL, 0, virtual_pages * page);
    metric_set(METRIC_PROCESS_RESIDENT, 0, resident_pages * page);
}

/* Without the one by which they are counted. */
static uint64_t count_fds(void)
{
    uint64_t count = 0;
    DIR *folder = opendir(FDS);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count > 0 ? count - 1 : 0;
}

/* Since Linux 6.2 the size of the folder is their number. */
static void sample_fds(void)
{
    struct stat folder;
    struct rlimit limit;
    int64_t now = clock_now();
    if (stat(FDS, &folder) == 0 && folder.st_size > 0) {
        process.fds = (uint64_t)folder.st_size;
    } else if (process.counted_at == 0 || now - process.counted_at >= COUNT_AGAIN_NS) {
        process.fds = count_fds();
        process.counted_at = now;
    }
    metric_set(METRIC_PROCESS_FDS, 0, process.fds);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(METRIC_PROCESS_FDS_MAX, 0, (uint64_t)limit.rlim_cur);
}

void process_metrics_sample(void)
{
    if (process.pid != getpid())
        process = (struct known){.pid = getpid(), .began = (uint64_t)clock_wall()};
    sample_cpu();
    sample_memory();
    sample_fds();
    metric_set(METRIC_PROCESS_START, 0, process.began);
}
