#include "tests/sim/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int loop_attach(const char *path, char device[32])
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    int file = open(path, O_RDWR | O_CLOEXEC);
    int loop = -1;
    if (number >= 0 && file >= 0) {
        (void)snprintf(device, 32, "/dev/loop%d", number);
        loop = open(device, O_RDWR | O_CLOEXEC);
    }
    int result = loop < 0 ? -1 : ioctl(loop, LOOP_SET_FD, file);
    if (result != 0) {
        (void)fprintf(stderr, "%s: no loop device (%s)\n", path, strerror(errno));
        result = -1;
    }
    int all[] = {control, file, loop};
    for (int i = 0; i < 3; i++) {
        if (all[i] >= 0) {
            (void)close(all[i]);
        }
    }
    return result;
}

void loop_detach(const char *device)
{
    int loop = open(device, O_RDWR | O_CLOEXEC);
    if (loop < 0 || ioctl(loop, LOOP_CLR_FD) != 0) {
        perror(device);
    }
    if (loop >= 0) {
        (void)close(loop);
    }
}
