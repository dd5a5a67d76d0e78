// Loop devices, for tests that need a real file system. Needs root.
#ifndef WEIR_TESTS_SIM_LOOP_H
#define WEIR_TESTS_SIM_LOOP_H

// Put a loop device on `path`; its name goes to `device`. -1: said why.
int loop_attach(const char *path, char device[32]);
void loop_detach(const char *device);

#endif
